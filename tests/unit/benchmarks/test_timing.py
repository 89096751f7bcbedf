import pytest

from benchmarks.timing import StepClock, Timing, interleave, report, timed


def test_each_contestant_runs_once_a_round_in_a_turning_order():
    calls = []

    def contestant(name: str, seconds: float):
        return lambda: calls.append(name) or seconds

    timings = interleave({"a": contestant("a", 2.0), "b": contestant("b", 1.0)}, rounds=3)
    assert calls == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert timings["a"].seconds == [2.0] * 3 and timings["b"].median == 1.0


def test_the_report_gives_ratios_within_rounds(capsys):
    seconds = {"a": [1.0, 2.0], "b": [3.0, 4.0], "a, again": [2.0, 2.0]}
    timings = {name: Timing(name, values) for name, values in seconds.items()}
    report(timings, "a")
    text = capsys.readouterr().out
    assert "ratio 2.500 [2.000 .. 3.000]" in text
    assert "noise: a against itself 0.500 .. 1.000" in text
    report(timings, "b")
    assert "noise" not in capsys.readouterr().out


def test_seconds_are_a_mean_over_steps_and_the_clock_skips_the_first_batches():
    steps = []
    assert timed(lambda: steps.append(1), 5)() > 0
    assert len(steps) == 5
    clock = StepClock(skip=2)
    clock.stamps = [0.0, 100.0, 101.0, 102.0, 104.0]
    assert clock.seconds == pytest.approx(1.5)
