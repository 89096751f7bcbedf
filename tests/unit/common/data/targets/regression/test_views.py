import pytest
import torch

from common.data.sampler import BatchKey
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.views import RegressionBatch, change_inputs
from common.evaluation.regression_inputs import Samples

NUM = 12


def make(shape, **options):
    generator = torch.Generator().manual_seed(0)
    pool = Samples(torch.rand(NUM, *shape, generator=generator), torch.arange(float(NUM)))
    return pool, RegressionConfig(**{"noise": 0.0, **options})


def batch_of(pool, rows=(0, NUM), epoch=0, number=0):
    chosen = torch.arange(*rows)
    key = BatchKey(chosen, epoch, number, rows[0], NUM)
    return RegressionBatch(pool.inputs[chosen], pool.targets[chosen], key)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3,), {"noise": 0.5}),
        ((3,), {"swap": 0.5}),
        ((2, 8), {"shift": 3}),
        ((1, 6, 5), {"noise": 0.1, "shift": 2, "swap": 0.2}),
    ],
)
def test_draws_depend_on_seed_epoch_and_place_and_not_on_the_process(shape, options):
    pool, config = make(shape, **options)
    whole = change_inputs(batch_of(pool), config, pool, 1).inputs
    parts = [
        change_inputs(batch_of(pool, rows), config, pool, 1).inputs for rows in ((0, 5), (5, 12))
    ]
    assert torch.equal(torch.cat(parts, 1), whole)
    assert whole.shape == (2, NUM, *shape)
    assert not torch.equal(whole[0], whole[1])
    for other in (
        change_inputs(batch_of(pool), config, pool, 2),
        change_inputs(batch_of(pool, epoch=1), config, pool, 1),
        change_inputs(batch_of(pool, number=1), config, pool, 1),
    ):
        assert not torch.equal(other.inputs, whole)


def test_without_draws_a_view_is_the_sample():
    pool, config = make((4,), num_views=3)
    made = change_inputs(batch_of(pool), config, pool, 0)
    assert torch.equal(made.inputs, pool.inputs.expand(3, NUM, 4))
    assert torch.equal(made.targets, pool.targets)


def test_a_shift_is_cyclic_at_most_so_wide_and_each_samples_own():
    pool, config = make((1, 7, 9), shift=2)
    made = change_inputs(batch_of(pool), config, pool, 0).inputs
    found = set()
    for view in made:
        for image, source in zip(view, pool.inputs, strict=True):
            matches = [
                (dy, dx)
                for dy in range(-3, 4)
                for dx in range(-4, 5)
                if torch.equal(torch.roll(source, (dy, dx), (1, 2)), image)
            ]
            assert len(matches) == 1
            found.add(matches[0])
    assert max(max(map(abs, match)) for match in found) == 2
    assert len(found) > 5


def test_swapped_inputs_are_those_of_others_in_the_same_column():
    pool, config = make((5,), swap=0.4)
    made = change_inputs(batch_of(pool), config, pool, 0).inputs
    changed = made != pool.inputs
    assert 0.2 < changed.float().mean() < 0.5
    for column in range(5):
        assert torch.isin(made[..., column], pool.inputs[:, column]).all()


def test_noise_has_its_deviation():
    pool, config = make((400,), noise=0.3)
    drawn = change_inputs(batch_of(pool), config, pool, 0).inputs - pool.inputs
    assert abs(drawn.std() - 0.3) < 0.01 and abs(drawn.mean()) < 0.01
