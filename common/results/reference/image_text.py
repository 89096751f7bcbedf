"""Our functions on the stored reference values of images with texts, which is no paper."""

from typing import Any

import numpy as np
import torch

from common.data.image_text.readers.relations import paint, scene_of
from common.losses.clip import clip_loss, one_direction
from common.losses.precision import unit
from common.losses.supcon import class_contrast
from common.results.parity import Case

KEYS = ("image", "text", "log_scale")


def solve_clip_loss(case: Case) -> dict[str, Any]:
    """Losses and gradients of each call, and each process's share of the first one."""
    found: dict[str, Any] = {}
    calls = {name: call for name, call in case.constants.items() if isinstance(call, dict)}
    for name, call in calls.items():
        given = {key: case[key].requires_grad_() for key in KEYS}
        if call["extra_texts"]:
            given["extra"] = case["extra"].requires_grad_()
        u, v, scale = (given[key] for key in KEYS)
        parts = clip_loss(u, v, scale, given.get("extra"), call["label_smoothing"])
        gradients = torch.autograd.grad(parts.total, list(given.values()))
        found |= {f"{name}_grad_{key}": g for key, g in zip(given, gradients, strict=True)}
        found |= {f"{name}_loss": parts.total}
        found |= {f"{name}_{direction}": value for direction, value in parts._asdict().items()}
    return found | {"per_process_loss": _per_process(case)}


def _per_process(case: Case) -> torch.Tensor:
    """Returns the loss of each process, whose rows are an equal part of the batch."""
    u, v, scale = unit(case["image"]), unit(case["text"]), case["log_scale"]
    losses, first = [], 0
    for own_u, own_v in zip(*(x.chunk(case.constants["processes"]) for x in (u, v)), strict=True):
        to_text, to_image = (
            one_direction(own, others, scale, first) for own, others in ((own_u, v), (own_v, u))
        )
        losses.append((to_text + to_image) / 2)
        first += len(own_u)
    return torch.stack(losses)


def solve_token_supcon(case: Case) -> dict[str, Any]:
    """Loss, number of anchors and gradient over the tokens of one image; label 0 is background."""
    tokens, labels = case["tokens"].requires_grad_(), case["label"]
    keys, itself = unit(tokens), labels.nonzero()[:, 0]
    temperature = case.constants["temperature"]
    total, anchors = class_contrast(keys[itself], keys, labels[itself], labels, temperature, itself)
    loss = total / anchors
    return {
        "loss": loss,
        "anchors": anchors.long(),
        "grad": torch.autograd.grad(loss, tokens)[0],
    }


def solve_scenes(case: Case) -> dict[str, Any]:
    """Images and captions of scenes in numbers."""
    table = case.arrays["parameters"].astype(np.int64)
    images = paint(table, case.arrays["noise"]).transpose(0, 2, 3, 1)
    scenes = [scene_of(row) for row in table.tolist()]
    variants = [scene.variants() for scene in scenes]
    texts = {kind: [each[kind].caption(rich=True) for each in variants] for kind in variants[0]}
    texts["plain"] = [scene.caption(rich=False) for scene in scenes]
    texts["caption"] = [scene.caption(rich=True) for scene in scenes]
    return {"pictures": images, **{name: np.array(found) for name, found in texts.items()}}


CASES = {
    "clip_loss": solve_clip_loss,
    "scenes": solve_scenes,
    "token_supcon": solve_token_supcon,
}
