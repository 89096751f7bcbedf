"""Trials that depend on those before: Optuna's tree-structured Parzen estimator (TPE)."""

from typing import Any

from common.errors import MissingLibrary
from common.runs.sweep import Space


class Guide:
    """Asks for trials and is told their scores, one after the other.

    The seed and the scores decide each trial, so that a sweep that is run again asks for the same.
    """

    def __init__(self, space: Space, seed: int) -> None:
        """Starts a study; raises `MissingLibrary` without Optuna."""
        try:
            import optuna
        except ImportError:
            raise MissingLibrary("--sampler tpe", "sweep", "optuna") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(sampler=sampler, direction="maximize")
        self._space = space
        self._trial: Any = None

    def ask(self) -> dict[str, Any]:
        """Returns the values of the next trial by key."""
        self._trial = trial = self._study.ask()
        return self._space.choose(
            lambda key: trial.suggest_float(key, 0.0, 1.0),
            lambda key, count: trial.suggest_categorical(key, range(count)),
        )

    def tell(self, score: float | None) -> None:
        """Takes the score of that trial, the more the better; None where it has failed."""
        state = self._failed if score is None else None
        self._study.tell(self._trial, score, state=state)
