"""Our functions on CLIP-rocket's stored reference values."""

from typing import Any

import torch
from torch import Tensor

from common.losses.sinkhorn import sinkhorn
from common.optim.schedules import warmup_cosine
from common.results.parity import Case
from papers.clip_rocket.loss import (
    cl2l,
    mean_over_pairs,
    over_pairs,
    redundancy,
    siamlip,
    swalip,
    swalip_v1,
)


def _both(weak: Tensor, strong: Tensor) -> Tensor:
    """Returns the views ``(1 + A, batch, dim)`` of a case that stores them apart."""
    return torch.cat([weak[None], strong])


def solve_cl2l(case: Case) -> dict[str, Any]:
    """Every call of the constants, with its parts and gradients."""
    found: dict[str, Any] = {}
    for name, given in case.constants.items():
        learnt = {key: case[key] for key in ("z_image", "z_text", "log_scale", "log_scale_local")}
        for key in ("h_image", "h_text"):
            learnt[key] = case[key][: given["views_used"]]
        learnt = {key: value.clone().requires_grad_() for key, value in learnt.items()}
        separate = given["separate_local_scale"]
        loss = cl2l(
            *(learnt[key] for key in ("z_image", "z_text", "h_image", "h_text", "log_scale")),
            learnt["log_scale_local" if separate else "log_scale"],
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


def _with_gradients(
    case: Case, loss: Tensor, learnt: dict[str, Tensor], prefix: str = ""
) -> dict[str, Tensor]:
    gradients = torch.autograd.grad(loss, list(learnt.values()))
    return {f"{prefix}grad_{key}": g for key, g in zip(learnt, gradients, strict=True)}


def solve_barlip(case: Case) -> dict[str, Any]:
    """The term of each pair, their mean and its gradients."""
    given = case.constants
    names = ("v_image", "v_image_local", "v_text", "v_text_local")
    learnt = {name: case[name].requires_grad_() for name in names}

    def term(image: Tensor, text: Tensor) -> Tensor:
        return redundancy(image, text, given["off_diagonal_weight"], given["scale"], 1.0)

    images, texts = _both(*(learnt[n] for n in names[:2])), _both(*(learnt[n] for n in names[2:]))
    weak, strong = parts = over_pairs(term, images, texts)
    loss = mean_over_pairs(parts)
    found = {"global_part": weak, "local_parts": strong, "barlip": loss}
    return found | _with_gradients(case, loss, learnt)


def solve_siamlip(case: Case) -> dict[str, Any]:
    """The mean agreement, with the given contrast added, and gradients of the predictions."""
    names = ("p_image", "p_image_local", "p_text", "p_text_local")
    learnt = {name: case[name].requires_grad_() for name in names}
    p_image, p_text = (_both(learnt[f"p_{s}"], learnt[f"p_{s}_local"]) for s in ("image", "text"))
    v_image, v_text = (_both(case[f"v_{s}"], case[f"v_{s}_local"]) for s in ("image", "text"))
    loss = siamlip(p_image, p_text, v_image, v_text)
    found = {"siamlip": loss, "total": loss + case["clip_part"]}
    return found | _with_gradients(case, loss, learnt)


def solve_swalip(case: Case) -> dict[str, Any]:
    """Targets, the loss before and after its weight, and gradients."""
    given = case.constants
    learnt = {n: case[n].requires_grad_() for n in ("h_image", "h_text", "log_scale_local")}
    found = swalip(*learnt.values(), given["epsilon"], given["iterations"])
    outputs = {
        "targets_image": found.image_targets,
        "targets_text": found.text_targets,
        "swalip": found.loss,
        "weighted": given["weight"] * found.loss,
    }
    return outputs | _with_gradients(case, found.loss, learnt)


def solve_swalip_v1(case: Case) -> dict[str, Any]:
    """The older loss with codes of its own, and with those of momentum towers."""
    given, outputs = case.constants, {}
    for prefix, suffix in (("", ""), ("momentum_", "_momentum")):
        learnt = {name: case[name].requires_grad_() for name in ("p_image", "p_text")}
        image, text = (
            sinkhorn(case[f"p_{side}{suffix}"], given["epsilon"], given["iterations"])
            for side in ("image", "text")
        )
        loss = swalip_v1(learnt["p_image"], learnt["p_text"], image, text, given["temperature"])
        outputs |= {f"{prefix}swalip": loss} | _with_gradients(case, loss, learnt, prefix)
        if not prefix:
            outputs |= {"codes_image": image, "codes_text": text}
    return outputs


CASES = {
    "cl2l": solve_cl2l,
    "barlip": solve_barlip,
    "siamlip": solve_siamlip,
    "swalip": solve_swalip,
    "swalip_v1": solve_swalip_v1,
}
