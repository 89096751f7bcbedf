"""Classes of series by a support vector machine on frozen representations."""

import warnings
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC

from common.evaluation.scores import keep
from common.evaluation.series_config import SeriesSvmConfig, class_sizes, is_small
from common.evaluation.series_inputs import LabelledInputs

# What stands for no penalty at all: scikit-learn refuses infinity.
UNBOUNDED = 1e8


def evaluate_series_svm(
    inputs: LabelledInputs, settings: SeriesSvmConfig, seed: int
) -> dict[str, float]:
    """Returns ``svm_accuracy`` on the official test split, in per cent (TS2Vec's protocol).

    RBF kernel, its penalty chosen by cross-validation; with few samples (below 50 in all, or 5 of
    a class) none is chosen and the largest is taken. ``seed`` is not used: nothing of a run is
    drawn.
    """
    x, y = inputs.features("train").numpy(), inputs.y["train"].numpy()
    machine = fit_svm(x, y, settings)
    tested = inputs.features("test").numpy()
    keep("series-svm", lambda: _decisions(machine, tested))
    predicted = machine.predict(tested)
    return {"svm_accuracy": 100 * float(np.mean(predicted == inputs.y["test"].numpy()))}


def _decisions(machine: Any, x: Any) -> Any:
    """Returns the decision of each pair of classes; their votes would move in jumps."""
    return machine.set_params(decision_function_shape="ovo").decision_function(x)


def fit_svm(x: Any, y: Any, settings: SeriesSvmConfig) -> Any:
    """Returns the fitted machine; ``x`` (num, dim), ``y`` (num,)."""
    if is_small(class_sizes(y)):
        return SVC(C=UNBOUNDED, gamma="scale").fit(x, y)
    if len(y) > settings.max_samples:
        x, _, y, _ = train_test_split(
            x, y, train_size=settings.max_samples, random_state=0, stratify=y
        )
    search = GridSearchCV(SVC(gamma="scale"), {"C": settings.penalties}, cv=settings.folds)
    with warnings.catch_warnings():
        # A class with fewer samples than folds: scikit-learn says so in every search.
        warnings.filterwarnings("ignore", message="The least populated class")
        return search.fit(x, y).best_estimator_
