"""Protocol ``pair-task``: accuracy, F1 and correlations of the logits of held-out pairs."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.evaluation.config import require_part
from common.evaluation.scores import keep
from common.evaluation.sts import pearson, spearman
from common.evaluation.text_inputs import CHUNK, TextInputs
from common.evaluation.tokens import gather_texts
from papers.dse.config import PairTaskConfig

# The official code adds it to denominators.
TINY = 1e-7


def evaluate_pairs(inputs: TextInputs, settings: PairTaskConfig, seed: int) -> dict[str, float]:
    """Returns 100 times ``pair_accuracy`` and so on, and ``teacher_...`` of a trained teacher.

    An encoder that learns nothing has no pair task, so nothing is measured.

    Args:
        inputs: Holds pairs with scores.
        settings: Thresholds of a binary task.
        seed: Not used.
    """
    if inputs.module is None:
        return {}
    graded, method = (
        require_part(inputs.graded, "pair-task", "pairs with scores"),
        inputs.module.method,
    )
    scores = graded.scores
    labels = (scores > method.threshold).astype(float) if method.task == "binary" else scores
    found = {"pair": student_logits(inputs), "teacher": teacher_logits(inputs)}
    metrics: dict[str, float] = {}
    for name, logits in found.items():
        if logits is None:
            continue
        keep(f"pair-task {name}", logits)
        told = task_metrics(
            method.task, logits.double().numpy(), labels, scores, settings.thresholds
        )
        metrics |= {f"{name}_{key}": value for key, value in told.items()}
    return metrics


def student_logits(inputs: TextInputs) -> Tensor:
    """Returns the head's logits of held-out pairs, ``(pairs, outputs)`` on the CPU."""
    module, graded = inputs.module, inputs.graded
    assert graded is not None  # asked for by `evaluate_pairs`
    u, v = inputs.embed(graded.first), inputs.embed(graded.second)
    with torch.no_grad():
        parts = zip(u.split(CHUNK), v.split(CHUNK), strict=True)
        told = [module.head(a.to(module.device), b.to(module.device)).cpu() for a, b in parts]
    return torch.cat(told)


def teacher_logits(inputs: TextInputs) -> Tensor | None:
    """Returns a trained teacher's logits of held-out pairs, in the student's form, or None."""
    module, graded = inputs.module, inputs.graded
    if module.teacher is None:
        return None
    assert graded is not None  # asked for by `evaluate_pairs`
    told = []
    for rows in torch.arange(len(graded.scores)).split(CHUNK):
        ids, mask = gather_texts([graded.first, graded.second], rows, module.backbone.num_positions)
        told.append(module.ask_teacher(ids.to(module.device), mask.to(module.device)).cpu())
    return torch.cat(told)


def task_metrics(
    task: str,
    logits: NDArray[np.float64],
    labels: NDArray[np.float64],
    scores: NDArray[np.float64],
    thresholds: Sequence[float],
) -> dict[str, float]:
    """Returns 100 times the metrics of a task.

    A binary task has those at the threshold with the best F1, and the correlations of its logit
    with the scores; several classes have an accuracy, and a regression has its correlations.

    Args:
        task: As in the method's settings.
        logits: ``(pairs, outputs)``.
        labels: ``(pairs,)``: 0 or 1, the number of the class, or the score.
        scores: ``(pairs,)``, as the data have them.
        thresholds: Thresholds of probabilities.
    """
    if task == "multi-class":
        return {"accuracy": 100 * float((logits.argmax(1) == labels).mean())}
    graded = {
        "pearson": pearson(logits[:, 0], scores),
        "spearman": spearman(logits[:, 0], scores),
    }
    if task == "regression":
        return graded
    each = [binary_metrics(logits[:, 0], labels, threshold) for threshold in thresholds]
    best = max(each, key=lambda found: found["f1"])
    return {name: 100 * value for name, value in best.items()} | graded


def binary_metrics(
    logits: NDArray[np.float64], labels: NDArray[np.float64], threshold: float
) -> dict[str, float]:
    """Returns accuracy, precision, recall and F1 of the positive class, 0 where undefined.

    Args:
        logits: ``(pairs,)``.
        labels: ``(pairs,)``, 0 or 1.
        threshold: A pair is told to be positive if the sigmoid of its logit is above it.
    """
    told, true = logits > np.log(threshold / (1 - threshold)), labels > 0.5
    hits = float((told & true).sum())
    precision, recall = hits / (told.sum() + TINY), hits / (true.sum() + TINY)
    return {
        "accuracy": float((told == true).mean()),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(2 * precision * recall / (precision + recall + TINY)),
    }
