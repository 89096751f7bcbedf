"""Our functions on the stored reference values of images with texts, which is no paper."""

from typing import Any

import numpy as np
import torch

from common.data.image_text.readers.relations import paint, scene_of
from common.evaluation.image_text_retrieval import percent_below, rank_of_best
from common.evaluation.text_transfer import (
    covaried,
    mean_shift,
    noisy,
    random_shift,
    shifted,
    through_map,
)
from common.evaluation.zero_shot import class_scores, differential
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


def solve_retrieval(case: Case) -> dict[str, Any]:
    """Ranks and recalls of both directions."""
    scores, owner = case["scores"], case["owner"]
    own = torch.arange(len(scores))[:, None] == owner
    found: dict[str, Any] = {}
    for side, table, right, key in (
        ("image", scores, own, "image_to_text_recall"),
        ("text", scores.T, own.T, "text_to_image_recall"),
    ):
        ranks = rank_of_best(table, right)
        found |= {f"{side}_rank": ranks}
        found[key] = [percent_below(ranks, k) for k in case.constants["k"]]
    return found


def solve_zero_shot_heads(case: Case) -> dict[str, Any]:
    """Scores of all heads."""
    images, texts, of = case["images"], case["texts"], case["text_class"]
    names, low, high = case["names"], case["description_low"], case["description_high"]
    told: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
    for row, pair in enumerate(case["description_pair"].tolist()):
        sides = told.setdefault(tuple(case["pairs"][pair].tolist()), ([], []))
        sides[0].append(row)
        sides[1].append(len(low) + row)
    k = case.constants["k"]
    best, second = differential(images, names, torch.cat([low, high]), told, k)
    mean = class_scores(images, texts, of, "mean")
    return {
        "mean_of_similarities": mean,
        "max_of_similarities": class_scores(images, texts, of, "max"),
        "similarity_of_mean": class_scores(images, texts, of),
        "similarity_of_raw_mean": mean,
        "first_pass": class_scores(images, names, torch.arange(len(names))),
        "fudd_classes": best,
        "fudd_scores": second,
    }


def solve_close_adapters(case: Case) -> dict[str, Any]:
    """What texts become, with the noise given."""
    text, noise, w = case["text"], case["noise"], case.constants["w"]
    shift = mean_shift(case["image"], text)
    moved = shifted(text, shift)
    further = shifted(text, random_shift(case["direction"], case.constants["s"]))
    spread = covaried(text, shift, noise, case["covariance"], factor=3.0)
    return {
        "noise_out": noisy(text, noise, w),
        "mean_shift": noisy(moved, noise, w),
        "mean_shift_test": moved,
        "random_shift": noisy(further, noise, w),
        "covariance_out": unit(spread + case.constants["w2"] * noise.flip(0)),
        "linear": through_map(text, case["weight"], case["bias"]),
    }


CASES = {
    "clip_loss": solve_clip_loss,
    "close_adapters": solve_close_adapters,
    "retrieval": solve_retrieval,
    "scenes": solve_scenes,
    "token_supcon": solve_token_supcon,
    "zero_shot_heads": solve_zero_shot_heads,
}
