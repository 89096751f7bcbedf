"""Our functions on MCL's stored reference values."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from common.results.parity import Case
from papers.mcl.grouping import assign, combine, one_pass
from papers.mcl.loss import contrast_within, integrate


def solve_pseudo_labels(case: Case) -> dict[str, Any]:
    """Groups after each stage, and what the published script writes in their place."""
    clusters, count = case["stage_labels"], case.constants["K"]
    groups, found, coded = torch.zeros_like(clusters[0]), [], []
    for number, of_stage in enumerate(clusters):
        groups = combine(groups, of_stage, count)
        found.append(groups)
        # Its loop reads the file of the current stage in every turn.
        wrong = torch.zeros_like(groups)
        for _ in range(number + 1):
            wrong = combine(wrong, of_stage, count)
        coded.append(wrong)
    return {"pseudo_labels": torch.stack(found), "as_coded": torch.stack(coded)}


def solve_assignment(case: Case) -> dict[str, Any]:
    """The nearest centroid of each feature."""
    case.constants.must_be(K=len(case["centroids"]))
    return {"labels": assign(case["features"], case["centroids"])}


def solve_batches(case: Case) -> dict[str, Any]:
    """The batches of each process in one pass, with given permutations."""
    found: dict[str, Any] = {}
    for name, given in case.constants.items():
        sizes = case[f"{name}_sizes"]
        orders = case[f"{name}_permutations"].split([s for s in sizes.tolist() if s])
        labels, processes = case[f"{name}_labels"], given["processes"]
        size = given["batch_per_process"] * processes
        batches = one_pass(labels, size, _given(orders))
        given.must_be(num_labels=len(sizes), num_batches=len(batches))
        found[f"{name}_batches"] = _dealt(batches, size, processes)
        found[f"{name}_dropped"] = torch.tensor(len(labels) - size * len(batches))
    return found


def _given(orders: Sequence[Tensor]) -> Callable[[int], Tensor]:
    """Returns what gives ``orders`` one after the other, whatever it is asked for."""
    left = iter(orders)
    return lambda _: next(left)


def _dealt(batches: list[Tensor], size: int, processes: int) -> Tensor:
    """Returns ``(processes, batches, batch)`` as the script deals a group's images in turn.

    Ours get a stretch of the global batch each, which then holds the same images.
    """
    whole = torch.stack(batches) if batches else torch.empty(0, size, dtype=torch.long)
    return torch.stack([whole[:, processes - 1 - p :: processes] for p in range(processes)])


def solve_masked_contrast(case: Case) -> dict[str, Any]:
    """The loss of each anchor within its group, and gradients of their mean."""
    z1, z2 = case["z1"].requires_grad_(), case["z2"].requires_grad_()
    each = contrast_within(z1, z2, case["labels"], case.constants["T"])
    g1, g2 = torch.autograd.grad(each.mean(), [z1, z2])
    return {"per_anchor": each, "loss": each.mean(), "grad_z1": g1, "grad_z2": g2}


def solve_integration(case: Case) -> dict[str, Any]:
    """The features of all stages side by side, of unit length and as they are."""
    names = sorted(
        (name for name in case.arrays if name.startswith("stage")),
        key=lambda name: int(name.removeprefix("stage")),
    )
    stages = [case[name] for name in names]
    return {"concatenated": integrate(stages, True), "plain": integrate(stages, False)}


CASES = {
    "pseudo_labels": solve_pseudo_labels,
    "assignment": solve_assignment,
    "batches": solve_batches,
    "masked_contrast": solve_masked_contrast,
    "integration": solve_integration,
}
