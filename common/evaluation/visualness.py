"""How much a text shows: its distance from the NULL image (TIP-CLIP, arXiv 2305.10434)."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_recall_fscore_support, roc_auc_score
from torch import Tensor

from common.losses.precision import unit


def visualness(texts: Tensor, null: Tensor) -> Tensor:
    """Returns one minus the cosine with the NULL image, ``(texts,)``.

    Args:
        texts: ``(texts, dim)``, of any norm.
        null: ``(dim,)``, of any norm.
    """
    return 1 - unit(texts) @ unit(null)


def visualness_metrics(
    scores: NDArray[np.float64], visual: NDArray[np.bool_], threshold: float
) -> dict[str, float]:
    """Returns precision, recall and F1 of visual texts, macro F1, accuracy and AUC, as shares.

    Args:
        scores: ``(texts,)``; from the threshold on a text is called visual.
        visual: ``(texts,)``, both kinds occur.
        threshold: To be chosen on a validation split.
    """
    called = scores >= threshold
    precision, recall, f1, _ = precision_recall_fscore_support(
        visual, called, average="binary", zero_division=0
    )
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "macro_f1": float(f1_score(visual, called, average="macro", zero_division=0)),
        "accuracy": float((called == visual).mean()),
        "auc": float(roc_auc_score(visual, scores)),
    }
