"""Our functions on the contrastive gap's stored reference values."""

import math
from typing import Any

import torch

from common.evaluation.gap import gap
from common.results.parity import Case
from papers.contrastive_gap.loss import Weights, gap_loss, turn_to_gap

# Of uniformity, alignment and cross-uniformity, and whether CLIP's loss counts.
VARIANTS = {
    "clip": (0.0, 0.0, 0.0, True),
    "cua": (1.0, 1.0, 0.0, True),
    "cuaxu": (1.0, 1.0, 1.0, True),
    "uaxu_without_clip": (1.0, 1.0, 1.0, False),
}


def solve_losses(case: Case) -> dict[str, Any]:
    """Losses and gradients of the variants, and each term alone."""
    given = case.constants
    directions = given["image_to_text_weight"], given["text_to_image_weight"]
    log_scale = torch.tensor(-math.log(given["temperature"]), dtype=case.dtype)
    found: dict[str, Any] = {}
    for name, (*others, has_clip) in VARIANTS.items():
        u, v = case["image"].requires_grad_(), case["text"].requires_grad_()
        weights = Weights(*(directions if has_clip else (0.0, 0.0)), *others)
        loss = gap_loss(u, v, log_scale, weights)
        gradients = torch.autograd.grad(loss.total, [u, v])
        found[f"loss_{name}"] = loss.total
        found |= {
            f"grad_{side}_{name}": g for side, g in zip(("image", "text"), gradients, strict=True)
        }
        both = zip(directions, (loss.image_to_text, loss.text_to_image), strict=True)
        found["part_inter_modality"] = torch.stack([w * term for w, term in both]).sum()
        for term in ("uniformity", "alignment", "cross_uniformity"):
            found[f"part_{term}"] = getattr(loss, term)
    return found


def solve_metrics(case: Case) -> dict[str, Any]:
    """The metrics of the protocol, but for separability."""
    found = gap(case["image"], case["text"], case.constants["t"])
    return {**found, "mean_partner_cosine": found["partner_cosine"]}


def solve_rotation(case: Case) -> dict[str, Any]:
    """W, turned texts and the distance of centres, for each share of the gap."""
    images, texts = case["image"], case["text"]
    found: dict[str, Any] = {}
    for share in case.constants["t"]:
        w = turn_to_gap(images, texts, share)
        turned = texts @ w.T
        distance = (images.mean(0) - turned.mean(0)).norm()
        found |= {f"W_{share:g}": w, f"text_{share:g}": turned}
        found[f"centroid_distance_{share:g}"] = distance
    return found


CASES = {"losses": solve_losses, "metrics": solve_metrics, "rotation": solve_rotation}
