"""Our functions on WhitenedCSE's stored reference values."""

from typing import Any

import torch
from torch import Tensor

from common.backbones.text_encoder import Pooler
from common.results.parity import Case
from papers.whitenedcse.loss import multi_positive
from papers.whitenedcse.whitening import group_whitening, whiten_views


def solve_whitening(case: Case) -> dict[str, Any]:
    """Whitened features of each kind, and gradients of their weighted sum."""
    x, permutation, groups = case["x"].requires_grad_(), case["perm"], case.constants["num_groups"]
    order = torch.arange(x.shape[1])
    made = {
        "shuffled": group_whitening(x, permutation, groups),
        "plain": group_whitening(x, order, groups),
        "full": group_whitening(x, order, 1),
        "cholesky": group_whitening(x, permutation, groups, "cholesky"),
        "shuffled_through": group_whitening(x, permutation, groups, "zca-through"),
    }
    found = {f"y_{name}": y for name, y in made.items()}
    return found | {f"g_{name}": _gradient(y, case["cotangent"], x) for name, y in made.items()}


def solve_views(case: Case) -> dict[str, Any]:
    """Both layouts, and gradients of the weighted sums."""
    h, found = case["H"].requires_grad_(), dict[str, Any]()
    for layout in ("code", "view"):
        y = whiten_views(h, list(case["perms"]), layout, groups=case.constants["num_groups"])
        found |= {f"y_{layout}": y, f"g_{layout}": _gradient(y, case["cotangent"], h)}
    return found


def _gradient(y: Tensor, cotangent: Tensor, x: Tensor) -> Tensor:
    return torch.autograd.grad((cotangent * y).sum(), x)[0]


def solve_step(case: Case) -> dict[str, Any]:
    """From pooled states to the loss and its gradients, in both layouts."""
    h, permutations = case["H"].requires_grad_(), list(case["perms"])
    head = Pooler(h.shape[1]).to(h.dtype)
    state = {"weight": case["dense_weight"], "bias": case["dense_bias"]}
    head.dense.load_state_dict(state)
    learnt = {"H": h} | {f"dense_{name}": p for name, p in head.dense.named_parameters()}
    found = {}
    for layout in ("code", "view"):
        y = whiten_views(h, permutations, layout, groups=case.constants["num_groups"])
        z = head(y).unflatten(0, (-1, len(permutations))).transpose(0, 1)
        loss = multi_positive(z, case.constants["temp"])
        gradients = torch.autograd.grad(loss, list(learnt.values()))
        found[f"loss_{layout}"] = loss
        found |= {f"g_{n}_{layout}": g for n, g in zip(learnt, gradients, strict=True)}
    return found


def solve_loss(case: Case) -> dict[str, Any]:
    """The loss and its gradients for each number of views that the case asks for."""
    found = {}
    counts = [int(name.removeprefix("loss_K")) for name in case.outputs if name[:6] == "loss_K"]
    for count in counts:
        z = torch.stack([case[f"z{k + 1}"] for k in range(count)]).requires_grad_()
        loss = multi_positive(z, case.constants["temp"])
        found[f"loss_K{count}"] = loss
        gradient = torch.autograd.grad(loss, z)[0]
        found |= {f"g_K{count}_z{k + 1}": gradient[k] for k in range(count)}
    return found


CASES = {
    "group_whitening": solve_whitening,
    "three_views": solve_views,
    "head_and_loss": solve_step,
    "multi_positive": solve_loss,
}
