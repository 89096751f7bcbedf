"""Our functions on the hard contrastive loss's stored reference values, case by case."""

from collections.abc import Callable
from typing import Any

import torch

from common.evaluation.uniformity_tolerance import nearest_negatives, tolerance
from common.losses.precision import unit
from common.losses.spread import uniformity
from common.results.parity import Case
from papers.hard_contrastive.config import HardContrastiveConfig
from papers.hard_contrastive.loss import (
    contrast_hardest,
    named_loss,
    relative_penalty,
    softmax_loss,
)


def solve_contrastive(case: Case) -> dict[str, Any]:
    """Loss, gradients and penalties of each named temperature (Eq. 1, 4 and 5)."""
    found: dict[str, Any] = {}
    for temperature in case.constants["temperatures"]:
        name = f"tau{temperature:g}"
        positive, negatives = (case[key].requires_grad_() for key in ("s_pos", "s_neg"))
        loss = softmax_loss(positive, negatives, temperature)
        of_positive, of_negatives = torch.autograd.grad(loss.sum(), [positive, negatives])
        penalty = relative_penalty(negatives, temperature)
        found |= {
            f"{name}_loss": loss,
            f"{name}_grad_s_pos": of_positive,
            f"{name}_grad_s_neg": of_negatives,
            f"{name}_penalty": penalty,
            f"{name}_penalty_entropy": torch.special.entr(penalty).sum(1),
        }
    return found


def solve_limits(case: Case) -> dict[str, Any]:
    """Both ends of the temperature (Eq. 6 and 7)."""
    positive, negatives = case["s_pos"], case["s_neg"]
    small, large = case.constants["tau_small"], case.constants["tau_large"]
    total = negatives.shape[1] + 1
    pushes = negatives.sum(1) - (total - 1) * positive
    return {
        "triplet": (negatives.amax(1) - positive).clamp(min=0),
        "scaled_loss_small": small * softmax_loss(positive, negatives, small),
        "expansion": pushes / (total * large) + torch.tensor(total, dtype=case.dtype).log(),
        "loss_large": softmax_loss(positive, negatives, large),
    }


def solve_hard(case: Case) -> dict[str, Any]:
    """Each named case: which negatives are kept, the losses and the gradient (Eq. 3, 8 and 9)."""
    found: dict[str, Any] = {}
    k, queue = case["k"], case["queue"]
    for name, own in case.constants["cases"].items():
        q = case["q_raw"].requires_grad_()
        share = HardContrastiveConfig(hard_share=own["alpha"], queue_length=len(queue))
        own.must_be(num_hard=share.num_hard)
        anchor_loss = named_loss(own["form"], own["tau"])
        loss = contrast_hardest(q, k, queue, own["num_hard"], anchor_loss)
        scores = unit(q) @ queue.T
        values, columns = scores.topk(own["num_hard"], dim=1)
        found |= {
            f"{name}_kept": torch.zeros_like(scores, dtype=torch.bool).scatter(1, columns, True),
            f"{name}_per_anchor": anchor_loss((unit(q) * k).sum(1), values),
            f"{name}_loss": loss,
            f"{name}_grad_q_raw": torch.autograd.grad(loss, q)[0],
        }
    return found


def solve_metrics(case: Case) -> dict[str, Any]:
    """Uniformity at each named t, both readings of tolerance, and the local separation."""
    f, g = case["f"], case["g"]
    found: dict[str, Any] = {
        "tolerance_same_class": tolerance(f, case["labels"]),
        "tolerance_all_pairs": tolerance(f, case["labels"], all_pairs=True),
        "positive_similarity": (f * g).sum(1).mean(),
        "top_negative_similarity": nearest_negatives(f, g, case.constants["top"]),
    }
    assert case["labels"].max() < case.constants["num_classes"]  # a class may have no sample
    for t in case.constants["t"]:
        of_pairs = uniformity(f, t)
        # With i = j a share 1 / n of the pairs has the weight 1.
        all_pairs = ((of_pairs.exp() * (len(f) - 1) + 1) / len(f)).log()
        found |= {f"uniformity_t{t:g}": of_pairs, f"uniformity_all_t{t:g}": all_pairs}
    return found


CASES: dict[str, Callable[[Case], dict[str, Any]]] = {
    "contrastive": solve_contrastive,
    "limits": solve_limits,
    "hard": solve_hard,
    "metrics": solve_metrics,
}
