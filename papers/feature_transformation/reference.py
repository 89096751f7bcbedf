"""Our functions on FT's stored reference values, case by case."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from common.config.schema import OptimizerConfig
from common.methods.moco import enqueue
from common.optim.schedules import schedule_table, warmup_cosine
from common.results.parity import Case
from common.training.stages import first_epochs, rate_stages
from papers.feature_transformation.loss import (
    product_contrast,
    product_logits,
    score_statistics,
    transform_negatives,
    transform_positives,
)


def solve_positives(case: Case) -> dict[str, Any]:
    """Query and key of each named coefficient, and their score, plain and normalised."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(output.partition("_")[0] for output in case.outputs):
        q, k = transform_positives(case["q"], case["k"], case[f"{name}_lam"])
        found |= {
            f"{name}_q_new": q,
            f"{name}_k_new": k,
            f"{name}_score": (q * k).sum(1),
            f"{name}_score_normalised": F.cosine_similarity(q, k),
        }
    return found


def solve_negatives(case: Case) -> dict[str, Any]:
    """The queue of each named coefficient, and its norms."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(output.partition("_")[0] for output in case.outputs):
        queue = transform_negatives(case["queue"], case[f"{name}_mu"], case["perm"])
        found |= {f"{name}_queue_new": queue, f"{name}_norm": queue.norm(dim=1)}
    return found


def solve_loss(case: Case) -> dict[str, Any]:
    """Each named case: logits, losses, the gradient in q, and the queue after the step."""
    found: dict[str, Any] = {}
    for name, own in case.constants["cases"].items():
        plain_q, plain_k = case[f"{name}_q"].requires_grad_(), case[f"{name}_k"]
        q, k, queue = plain_q, plain_k, case[f"{name}_queue"]
        negatives, start = queue, torch.tensor(own["start"])
        if own["positives"] != "none":
            q, k = transform_positives(q, k, case[f"{name}_lam"])
        if own["normalise_positives"]:
            q, k = F.normalize(q, dim=1), F.normalize(k, dim=1)
        if own["negatives"] != "none":
            mixing = case[f"{name}_mu"], case[f"{name}_perm"]
            negatives = transform_negatives(queue, *mixing)
        logits = product_logits(q, k, negatives, own["T"])
        loss = product_contrast(q, k, negatives, own["T"])
        made = {
            "logits": logits,
            "per_query": logits.logsumexp(1) - logits[:, 0],
            "loss": loss,
            "grad_q": torch.autograd.grad(loss, plain_q)[0],
        }
        enqueue(queue, start, plain_k)
        made |= {"queue_after": queue, "start_after": start}
        found |= {f"{name}_{key}": value for key, value in made.items()}
    return found


def solve_scores(case: Case) -> dict[str, Any]:
    """What is kept of the scores for the paper's figures."""
    scores = score_statistics(case["positive"], case["negatives"], case.constants["T"])
    return {"scores": scores}


def solve_schedules(case: Case) -> dict[str, Any]:
    """The code's rates of each epoch, which it counts from 1: a cosine with a floor, and drops."""
    base, epochs = case.constants["base"], case.constants["E"]
    floor = base * 0.1**3
    stages = rate_stages(OptimizerConfig(lr=base), case.constants["drops"])
    ends = pairwise([*first_epochs(stages), epochs])
    tables = [
        schedule_table(stage.rates, 1, end - begin)
        for stage, (begin, end) in zip(stages, ends, strict=True)
    ]
    return {
        "cosine": np.append(warmup_cosine(base, floor, 1, epochs)[1:], floor),
        "steps": np.concatenate(tables),
    }


CASES: dict[str, Callable[[Case], dict[str, Any]]] = {
    "positives": solve_positives,
    "negatives": solve_negatives,
    "loss": solve_loss,
    "scores": solve_scores,
    "schedules": solve_schedules,
}
