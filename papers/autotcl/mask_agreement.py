"""Does a learned mask find the steps that carry information, where that is known?"""

from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from common.backbones.modes import evaluating
from common.evaluation.frozen import require_finite
from common.evaluation.scores import keep
from common.evaluation.series_inputs import ForecastInputs
from papers.autotcl.config import MaskAgreementConfig


def evaluate_mask_agreement(
    inputs: ForecastInputs, settings: MaskAgreementConfig, seed: int
) -> dict[str, float]:
    """Returns ``mask_auc`` and what needs no learning, ``magnitude_auc``; both on the test part.

    The area under the ROC curve of the mask's score for "this step is informative": 0.5 is chance.
    ``magnitude_auc`` takes the mean of the absolute value over ``neighbours`` steps for a score.
    Empty where `has_mask` says no. ``seed`` is not used.
    """
    if not has_mask(inputs.module) or inputs.series.informative is None:
        return {}
    start, end = inputs.series.parts["test"]
    series = inputs.series.inputs[:, start:end]
    truth = inputs.series.informative[start:end]
    magnitude = smooth(series[0, :, -1].abs(), settings.neighbours)
    scores = mask_scores(inputs.module, series)
    keep("mask-agreement", scores)
    keep("mask-agreement magnitude", magnitude)
    return {
        "mask_auc": auc(truth, scores),
        "magnitude_auc": auc(truth, magnitude),
    }


def has_mask(module: Any) -> bool:
    """Tells whether ``module``, or None, has a true ``learns_mask``: a mask that training moves."""
    return getattr(module, "learns_mask", False)


def mask_scores(module: Any, series: Tensor) -> Tensor:
    """Returns the module's score of each step, ``(steps,)``, of ``(1, steps, channels)``."""
    device = next(module.parameters()).device
    with torch.no_grad(), evaluating(module):
        scores = module.mask_scores(series.to(device))[0].mean(1).double().cpu()
    return require_finite(scores, "scores of the mask")


def smooth(values: Tensor, count: int) -> Tensor:
    """Returns the mean over ``count`` steps around each, fewer at the ends; ``(steps,)``."""
    kernel = values.new_ones(1, 1, count)
    sums, counts = (
        torch.nn.functional.conv1d(v[None, None], kernel, padding=count // 2)[0, 0]
        for v in (values, torch.ones_like(values))
    )
    return sums / counts


def auc(truth: Tensor, scores: Tensor) -> float:
    """Returns the area under the ROC curve of ``scores`` for ``truth``, both ``(steps,)``."""
    return float(roc_auc_score(truth.numpy(), scores.numpy()))
