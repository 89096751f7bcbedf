"""Our functions on CLIP-rocket's stored reference values."""

from typing import Any

import torch
from torch import Tensor

from common.evaluation.zero_shot import class_scores
from common.losses.sinkhorn import sinkhorn
from common.optim.schedules import warmup_cosine
from common.results.parity import Case
from papers.clip_rocket.loss import (
    Sides,
    cl2l,
    mean_over_pairs,
    over_pairs,
    redundancy,
    siamlip,
    swalip,
    swalip_v1,
)
from papers.clip_rocket.projectors import mix


def solve_cl2l(case: Case) -> dict[str, Any]:
    """Every call of the constants, with its parts and gradients."""
    found: dict[str, Any] = {}
    for name, given in case.constants.items():
        learnt = {key: case[key] for key in ("z_image", "z_text", "log_scale", "log_scale_local")}
        for key in ("h_image", "h_text"):
            learnt[key] = case[key][: given["views_used"]].clone()
        learnt = {key: value.requires_grad_() for key, value in learnt.items()}
        loss = cl2l(
            Sides(learnt["z_image"], learnt["z_text"]),
            Sides(learnt["h_image"], learnt["h_text"]),
            learnt["log_scale"],
            learnt["log_scale_local" if given["separate_local_scale"] else "log_scale"],
            given["label_smoothing"],
            given["reduction"],
        )
        loss.total.backward()
        parts = {
            "loss": loss.total,
            "clip_loss": loss.clip,
            "clip_loss_image": loss.image,
            "clip_loss_text": loss.text,
            "clip_loss_image_global": loss.weak_image,
            "clip_loss_text_global": loss.weak_text,
            "clip_loss_image_local": loss.strong_image,
            "clip_loss_text_local": loss.strong_text,
        }
        parts |= {f"grad_{key}": _gradient(value) for key, value in learnt.items()}
        found |= {f"{name}_{key}": value for key, value in parts.items()}
    return {name: found[name] for name in case.outputs}


def _gradient(value: Tensor) -> Tensor:
    """Returns the gradient of what took part, and 0 of what did not."""
    return torch.zeros_like(value) if value.grad is None else value.grad


def solve_barlip(case: Case) -> dict[str, Any]:
    """The term of each pair, their mean and its gradients."""
    given = case.constants
    learnt = _learnt(case, "v")

    def term(image: Tensor, text: Tensor) -> Tensor:
        return redundancy(image, text, given["off_diagonal_weight"], given["scale"], 1.0)

    weak, strong = parts = over_pairs(term, *_views(learnt, "v"))
    loss = mean_over_pairs(parts)
    found = {"global_part": weak, "local_parts": strong, "barlip": loss}
    return found | _gradients(loss, learnt)


def solve_siamlip(case: Case) -> dict[str, Any]:
    """The mean agreement, with the given contrast added, and gradients of the predictions."""
    learnt = _learnt(case, "p")
    loss = siamlip(_views(learnt, "p"), _views(_learnt(case, "v"), "v"))
    return {"siamlip": loss, "total": loss + case["clip_part"]} | _gradients(loss, learnt)


def solve_swalip(case: Case) -> dict[str, Any]:
    """Targets, the loss before and after its weight, and gradients."""
    given = case.constants
    learnt = {n: case[n].requires_grad_() for n in ("h_image", "h_text", "log_scale_local")}
    h = Sides(learnt["h_image"], learnt["h_text"])
    found = swalip(h, learnt["log_scale_local"], given["epsilon"], given["iterations"])
    outputs = {
        "targets_image": found.targets.image,
        "targets_text": found.targets.text,
        "swalip": found.loss,
        "weighted": given["weight"] * found.loss,
    }
    return outputs | _gradients(found.loss, learnt)


def solve_swalip_v1(case: Case) -> dict[str, Any]:
    """The older loss with codes of its own, and with those of momentum towers."""
    given = case.constants
    outputs: dict[str, Any] = {}
    for prefix, suffix in (("", ""), ("momentum_", "_momentum")):
        learnt = {name: case[name].requires_grad_() for name in ("p_image", "p_text")}
        telling = (case[f"p_image{suffix}"], case[f"p_text{suffix}"])
        codes = Sides(*(sinkhorn(p, given["epsilon"], given["iterations"]) for p in telling))
        p = Sides(learnt["p_image"], learnt["p_text"])
        loss = swalip_v1(p, codes, given["temperature"])
        gradients = _gradients(loss, learnt)
        outputs |= {f"{prefix}{key}": value for key, value in gradients.items()}
        outputs[f"{prefix}swalip"] = loss
        if not prefix:
            outputs |= {"codes_image": codes.image, "codes_text": codes.text}
    return outputs


def _learnt(case: Case, letter: str) -> dict[str, Tensor]:
    """Returns a case's arrays of the weak and the strong views of both sides."""
    names = [f"{letter}_{side}{view}" for side in ("image", "text") for view in ("", "_local")]
    return {name: case[name].requires_grad_() for name in names}


def _views(arrays: dict[str, Tensor], letter: str) -> Sides:
    """Returns views ``(1 + A, batch, dim)`` of arrays that hold weak and strong ones apart."""
    sides = [
        torch.cat([arrays[f"{letter}_{side}"][None], arrays[f"{letter}_{side}_local"]])
        for side in ("image", "text")
    ]
    return Sides(*sides)


def _gradients(loss: Tensor, learnt: dict[str, Tensor]) -> dict[str, Tensor]:
    loss.backward()
    return {f"grad_{name}": _gradient(value) for name, value in learnt.items()}


def solve_schedule_and_ensemble(case: Case) -> dict[str, Any]:
    """The rate of each iteration, and zero-shot scores of both projectors and between them."""
    given = case.constants
    lr = warmup_cosine(
        *(given["base"], given["end"], given["per_epoch"], given["epochs"]),
        *(given["warmup_epochs"], given["start"]),
    )
    classes, prompts = case["prompts_z"].shape[:2]
    of = torch.arange(classes).repeat_interleave(prompts)
    weak, strong = (
        class_scores(case[f"image_{side}"], case[f"prompts_{side}"].flatten(0, 1), of)
        for side in ("z", "h")
    )
    mixed = torch.stack(mix(weak, strong, given["weights"]))
    return {
        "lr": lr,
        "score_z": weak,
        "score_h": strong,
        "score_w": mixed,
        "predicted_w": mixed.argmax(2),
    }


CASES = {
    "cl2l": solve_cl2l,
    "barlip": solve_barlip,
    "siamlip": solve_siamlip,
    "swalip": solve_swalip,
    "swalip_v1": solve_swalip_v1,
    "schedule_and_ensemble": solve_schedule_and_ensemble,
}
