"""Our functions on NegCLIP's stored reference values."""

from typing import Any

import torch
from torch import Tensor

from common.config.schema import OptimizerConfig
from common.losses.precision import unit
from common.methods.two_tower import by_batches
from common.optim.schedules import schedule_table
from common.results.parity import Case
from papers.negclip.loss import negclip_loss


def solve_loss(case: Case) -> dict[str, Any]:
    """Loss and gradients with both kinds of negatives, with either and with none; all scores."""
    size = case.constants["B"]
    given = [case[name].requires_grad_() for name in ("images", "texts", "log_scale")]
    images, texts, log_scale = given
    first, near = images[:size], images
    captions, near_captions, hard, near_hard = texts.split(size)
    calls: dict[str, tuple[Tensor, Tensor, Tensor | None]] = {
        "negclip": (near, torch.cat([captions, near_captions]), torch.cat([hard, near_hard])),
        "hard_captions_only": (first, captions, hard),
        "hard_images_only": (near, torch.cat([captions, near_captions]), None),
        "clip": (first, captions, None),
    }
    found: dict[str, Any] = {"logits": log_scale.exp() * unit(images) @ unit(texts).T}
    for name, parts in calls.items():
        loss = negclip_loss(*parts, log_scale).total
        gradients = torch.autograd.grad(loss, given, materialize_grads=True)
        learnt = zip(("images", "texts", "log_scale"), gradients, strict=True)
        found |= {f"{name}_loss": loss} | {f"{name}_grad_{key}": g for key, g in learnt}
    return found


def solve_lr_schedule(case: Case) -> dict[str, Any]:
    """The rate of each step."""
    given = case.constants
    rates = OptimizerConfig(lr=given["base"], schedule="cosine")
    rates = by_batches(rates, given["warmup"]) if given["warmup"] else rates
    return {"lr": schedule_table(rates, 1, given["steps"])}


CASES = {
    "loss": solve_loss,
    "lr_schedule": solve_lr_schedule,
}
