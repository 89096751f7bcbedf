import pytest

from benchmarks.timing import StepClock, interleave, report, report_spread, timed


def test_each_contestant_runs_once_a_round_in_a_turning_order():
    calls = []

    def contestant(name: str, seconds: float):
        return lambda: calls.append(name) or seconds

    timings = interleave({"a": contestant("a", 2.0), "b": contestant("b", 1.0)}, rounds=3)
    assert calls == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert timings["a"].seconds == [2.0] * 3 and timings["b"].median == 1.0


def test_the_report_gives_ratios_within_rounds(capsys):
    values = iter([0, 0, 1.0, 3.0, 4.0, 2.0])
    timings = interleave({"a": lambda: next(values), "b": lambda: next(values)}, rounds=2)
    report(timings, "a")
    report_spread(timings["b"], timings["a"])
    text = capsys.readouterr().out
    # Round 1: a 1, b 3; round 2 in the other order: b 4, a 2.
    assert "ratio 2.500 [2.000 .. 3.000]" in text
    assert "b against itself 2.000 .. 3.000" in text


def test_seconds_are_a_mean_over_steps_and_the_clock_skips_the_first_batches():
    steps = []
    assert timed(lambda: steps.append(1), 5)() > 0
    assert len(steps) == 5
    clock = StepClock(skip=2)
    clock.stamps = [0.0, 100.0, 101.0, 102.0, 104.0]
    assert clock.seconds == pytest.approx(1.5)
