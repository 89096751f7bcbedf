"""What Optuna is asked and told; it is an extra, so that these tests may be skipped."""

import builtins

import pytest

from common.errors import MissingLibrary
from common.runs.sweep import Guide, read_space

SPACE = read_space(["optimizer.lr=log:1e-4..1e-1", "method.epsilon=0.03,0.05"])


def played(count, score=lambda trial: -abs(trial["optimizer.lr"] - 0.01)):
    guide, trials = Guide(SPACE, seed=0), []
    for _ in range(count):
        trials.append(guide.ask())
        guide.tell(score(trials[-1]))
    return trials


def test_the_same_scores_give_the_same_trials_and_they_come_nearer():
    pytest.importorskip("optuna")
    trials = played(40)
    assert played(20) == trials[:20]
    assert all(1e-4 <= one["optimizer.lr"] <= 1e-1 for one in trials)
    assert {one["method.epsilon"] for one in trials} == {0.03, 0.05}
    misses = [abs(one["optimizer.lr"] - 0.01) for one in trials]
    assert sum(misses[20:]) < sum(misses[:20])


def test_a_trial_that_failed_is_no_score():
    pytest.importorskip("optuna")
    assert len(played(12, score=lambda trial: None)) == 12


def test_without_the_library_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **options):
        if name == "optuna":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingLibrary, match=r"\[sweep\]: pip install optuna"):
        Guide(SPACE, seed=0)
