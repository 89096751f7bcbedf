"""Our functions on NegCLIP's stored reference values."""

from typing import Any

import torch
from torch import Tensor

from common.config.schema import OptimizerConfig
from common.data.image_text.readers.shuffles import (
    ADJECTIVE,
    NOUN,
    clean_caption,
    other_places,
    permuted,
    places_of,
    trigrams,
    within_trigrams,
)
from common.evaluation.caption_choice import by_group, credit
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


def solve_aro_scores(case: Case) -> dict[str, Any]:
    """Accuracies by group, their means, and ties, of stored scores; which one is true differs."""
    found: dict[str, Any] = {}
    # As they are stored at either dtype: rounded scores would tie.
    relation, attribution, order = (
        case.arrays[f"{name}_scores"][:, 0] for name in ("relation", "attribution", "order")
    )
    gap = relation[:, 1] - relation[:, 0]
    groups = by_group(credit(gap, 0, 0), case.arrays["relation"], 1)
    found |= {f"relation_{key}": value for key, value in groups._asdict().items()}
    found["relation_micro"], found["relation_ties"] = credit(gap, 0, 0).mean(), gap == 0
    least = case.constants["min_cases_attribution"]
    earned = credit(attribution[:, 1] - attribution[:, 0], 0, 0)
    groups = by_group(earned, case.arrays["attribute"], least)
    found |= {f"attribute_{key}": value for key, value in groups._asdict().items()}
    found["order_precision_at_1"] = credit(order[:, 0] - order[:, 1:].max(1), 1, 0).mean()
    return found


def solve_perturbations(case: Case) -> dict[str, Any]:
    """The five shuffles of each sentence by given permutations, and after the clean-up."""
    found = {}
    for sentence in sorted(name.partition("_")[0] for name in case.arrays if "_words" in name):
        given = {
            name.removeprefix(f"{sentence}_"): array.tolist()
            for name, array in case.arrays.items()
            if name.startswith(f"{sentence}_")
        }
        for name, words in _shuffles(given).items():
            text = " ".join(words)
            found[f"{sentence}_{name}"] = text
            found[f"{sentence}_{name}_clean"] = clean_caption(text, case.constants["max_words"])
    return found


def _shuffles(given: dict[str, Any]) -> dict[str, list[str]]:
    """Returns the shuffled words of one sentence by the shuffle's name."""
    words, tags = given["words"], given["tags"]
    content = permuted(words, places_of(tags, NOUN), given["perm_noun"])
    return {
        "shuffle_nouns_and_adj": permuted(
            content, places_of(tags, ADJECTIVE), given["perm_adjective"]
        ),
        "shuffle_allbut_nouns_and_adj": permuted(words, other_places(tags), given["perm_rest"]),
        "shuffle_within_trigrams": within_trigrams(words, given["perm_within"]),
        "shuffle_trigrams": trigrams(words, given["perm_trigrams"]),
        "shuffle_all_words": permuted(words, range(len(words)), given["perm_all"]),
    }


CASES = {
    "aro_scores": solve_aro_scores,
    "loss": solve_loss,
    "lr_schedule": solve_lr_schedule,
    "perturbations": solve_perturbations,
}
