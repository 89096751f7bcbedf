"""Our functions on SIRL's stored reference values."""

from typing import Any

import torch

from common.results.parity import Case
from papers.sirl.embedding_protocols import ridge_readout
from papers.sirl.loss import preference_accuracy, preference_losses, triplet_terms
from papers.sirl.person import (
    answer_queries,
    exact_labels,
    rewards,
    sample_labels,
    scale_features,
)
from papers.sirl.readers.gridrobot import enumerate_trajectories

NAMES = "first", "second", "odd"


def solve_triplet_loss(case: Case) -> dict[str, Any]:
    """The loss of each query in four forms, how many terms pull, and gradients of the mean."""
    first, second, odd = (case[name].requires_grad_() for name in NAMES)
    found: dict[str, Any] = {}
    case.constants.must_be(eps=1e-6)  # of torch's pairwise distance
    for distance in ("squared", "euclidean"):
        for form in ("symmetric", "anchored"):
            terms = triplet_terms(
                first, second, odd, case.constants["margin"], distance, form == "symmetric"
            )
            each, start = terms.sum(0), f"{distance}_{form}"
            gradients = torch.autograd.grad(each.mean(), [first, second, odd])
            found |= {f"{start}_per_query": each, f"{start}_loss": each.mean()}
            found[f"{start}_active"] = (terms > 0).sum()
            found |= {f"{start}_grad_{n}": g for n, g in zip(NAMES, gradients, strict=True)}
    return found


def solve_preference_loss(case: Case) -> dict[str, Any]:
    """Both losses with their gradients, and the accuracy with the number of pairs that count."""
    first, second = case["reward_first"].requires_grad_(), case["reward_second"].requires_grad_()
    labels, found = case["label"], dict[str, Any]()
    weight, clip = case.constants["regularization"], case.constants["clip"]
    for name, loss in (("bradley_terry", "cross_entropy"), ("probability", "probability")):
        value = preference_losses(first, second, labels, loss, weight, clip).mean()
        of_first, of_second = torch.autograd.grad(value, [first, second])
        found |= {f"{name}_loss": value, f"{name}_grad_first": of_first}
        found[f"{name}_grad_second"] = of_second
    accuracy, counted = preference_accuracy(first.detach(), second.detach(), labels, clip)
    return found | {
        "accuracy": case["label"].new_tensor(accuracy),
        "counted": torch.tensor(counted),
    }


def solve_answers(case: Case) -> dict[str, Any]:
    """What the simulated person sees, answers and prefers."""
    scaled = {name: scale_features(case["features"], name) for name in ("normalize", "standardize")}
    normal, queries, pairs = scaled["normalize"], case["query"], case["pair"]
    reward = rewards(normal, case["theta"])
    first, second = reward[pairs].unbind(1)
    beta = case.constants["beta"]
    return {
        "normalized": normal,
        "standardized": scaled["standardize"],
        "three_way": answer_queries(normal, queries, "three_way"),
        "anchored": answer_queries(normal, queries, "anchored"),
        "three_way_standardized": answer_queries(scaled["standardize"], queries, "three_way"),
        "reward": reward,
        "probability_first": torch.sigmoid(beta * (first - second)),
        "sampled_label": sample_labels(first, second, beta, case["draw"]),
        "exact_label": exact_labels(first, second),
    }


def solve_feature_error(case: Case) -> dict[str, Any]:
    """The error of ridge regression, and of no penalty and no embedding."""
    train_x, train_y = case["train_embedding"], case["train_features"]
    x, y = case["test_embedding"], case["test_features"]
    read = ridge_readout(train_x, train_y, x, case.constants["alpha"])
    each = (read - y).square().mean(0)
    plain = ridge_readout(train_x, train_y, x, 1e-14)
    return {
        "ridge_prediction": read,
        "ridge_per_feature": each,
        "ridge_fpe": each.sum(),
        "linear_fpe": (plain - y).square().mean(0).sum(),
        "constant_fpe": (train_y.mean(0) - y).square().mean(0).sum(),
    }


def solve_gridrobot(case: Case) -> dict[str, Any]:
    """All trajectories of a grid, in order, with their true features."""
    given = case.constants
    size = given["width"], given["height"]
    rows, raw = enumerate_trajectories(size, given["starts"], given["goals"], given["angles"])
    return {"trajectories": rows, "raw": raw, "features": scale_features(raw, "normalize")}


CASES = {
    "triplet_loss": solve_triplet_loss,
    "preference_loss": solve_preference_loss,
    "answers": solve_answers,
    "feature_error": solve_feature_error,
    "gridrobot": solve_gridrobot,
}
