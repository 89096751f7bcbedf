"""Our functions on stored values of TIP-CLIP's equations, which no paper of ours uses yet."""

from typing import Any

import torch

from common.evaluation.visualness import visualness, visualness_metrics
from common.losses.null_image import merged_null_loss, repeated_null_loss
from common.results.parity import Case

FORMS = {"repeated": repeated_null_loss, "merged": merged_null_loss}


def solve_loss(case: Case) -> dict[str, Any]:
    """Losses and gradients of both forms, for each set of labels ``visual_NAME``."""
    found: dict[str, Any] = {}
    sets = [name.removeprefix("visual_") for name in case.arrays if name.startswith("visual_")]
    for labels in sets:
        for form, loss in FORMS.items():
            names = ("image", "text", "null", "log_scale")
            given = {name: case[name].requires_grad_() for name in names}
            u, v, null, log_scale = given.values()
            parts = loss(u, v, case[f"visual_{labels}"], null, log_scale)
            gradients = torch.autograd.grad(
                parts.total, list(given.values()), allow_unused=True, materialize_grads=True
            )
            prefix = f"{labels}_{form}"
            found |= {f"{prefix}_grad_{k}": g for k, g in zip(given, gradients, strict=True)}
            found |= {f"{prefix}_{key}": value for key, value in parts._asdict().items()}
            found[f"{prefix}_loss"] = parts.total
    return found


def solve_scores(case: Case) -> dict[str, Any]:
    """The score of texts, and the metrics of stored scores."""
    metrics = visualness_metrics(
        case["scores"].numpy(), case.arrays["visual"].astype(bool), case.constants["threshold"]
    )
    return {"score": visualness(case["text"], case["null"]), **metrics}


CASES = {"loss": solve_loss, "scores": solve_scores}
