"""Which blocks of seeds are a trial, and how each is judged."""

from benchmarks.same_arm import judge_blocks


def test_each_two_blocks_of_ten_seeds_are_a_trial_and_one_metric_is_enough():
    noise = [0.3, -0.2, 0.1, -0.4, 0.2, 0.0, -0.1, 0.4, -0.3, 0.05]
    values = {seed: (noise[seed % 7], noise[seed % 3]) for seed in range(20)}
    assert judge_blocks(values) == [False]
    ahead = {seed: (noise[seed % 5], 5 + noise[seed % 9]) for seed in range(20, 30)}
    over = {seed: (-100.0, -100.0) for seed in range(30, 39)}
    assert judge_blocks(values | ahead | over) == [False, True, True]
