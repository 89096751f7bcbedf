"""Our functions on SwAV's stored reference values, case by case."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.losses.sinkhorn import sinkhorn
from common.optim.lars import LARC
from common.optim.schedules import warmup_cosine
from common.results.parity import Case
from papers.swav.config import SwAVConfig
from papers.swav.loss import (
    assign,
    normalise_rows,
    push,
    queue_is_full,
    swapped_prediction,
)
from papers.swav.module import SwAV, projection_head


def solve_sinkhorn(case: Case) -> dict[str, Tensor]:
    """Every ``Q_*`` from its scores: ``scores_NAME``, or ``scores`` for the plain grid."""
    found = {}
    for name in case.outputs:
        own = "scores_" + name.removeprefix("Q_")
        constants = case.constants[name]
        scores = case[own if own in case else "scores"]
        if name == "Q_zeros" and own not in case:  # zeros of the common shape are not stored
            scores = torch.zeros_like(scores)
        found[name] = sinkhorn(scores, constants["epsilon"], constants["iterations"])
    return found


def solve_sinkhorn_distributed(case: Case) -> dict[str, Tensor]:
    """One process with all rows; what each of several would return are its rows of it.

    That several processes do return them is tested with a process group.
    """
    per_rank = case["scores_per_rank"]
    case.constants.must_be(processes=len(per_rank))
    q = sinkhorn(per_rank.flatten(0, 1), case.constants["epsilon"], case.constants["iterations"])
    return {"Q_per_rank": q.view_as(per_rank), "Q_one_process": q}


def _step(
    z: Tensor, prototypes: Tensor, constants: dict[str, Any], queues: list[Tensor] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns loss, codes and unit embeddings of raw projections ``z`` (views * batch, dim)."""
    unit = F.normalize(z.unflatten(0, (constants["crops"], constants["bs"])), dim=2)
    scores = unit @ prototypes.T
    crops, codes = constants["crops_for_assign"], []
    for index, view in enumerate(crops):
        used = queues is not None and queue_is_full(queues[index])
        earlier = queues[index] @ prototypes.detach().T if queues is not None and used else None
        epsilon, iterations = constants["epsilon"], constants["sinkhorn_iterations"]
        codes.append(assign(scores[view], epsilon, iterations, earlier))
    stacked = torch.stack(codes)
    return swapped_prediction(scores, stacked, crops, constants["temperature"]), stacked, unit


def solve_loss(case: Case) -> dict[str, Any]:
    """Loss, gradients and codes of every named set of crops, and the prototypes' freeze."""
    prototypes = case["prototypes_raw"].clone()
    normalise_rows(prototypes)
    found: dict[str, Any] = {"prototypes_normalised": prototypes}
    for name, constants in case.constants.items():
        z, weight = (t.clone().requires_grad_() for t in (case[f"{name}_z"], prototypes))
        loss, codes, _ = _step(z, weight, constants)
        loss.backward()
        found[f"{name}_loss"] = loss
        found[f"{name}_grad_z"], found[f"{name}_grad_prototypes"] = z.grad, weight.grad
        found |= {f"{name}_Q{index}": code for index, code in enumerate(codes)}
    found["frozen_prototype_grad_is_none"] = _frozen_gradient_is_none()
    return found


def _frozen_gradient_is_none() -> Tensor:
    small = SwAVConfig(backbone="small_conv", hidden_dim=4, output_dim=4, num_prototypes=4)
    module = SwAV(small)
    module.score(torch.ones(2, 4)).sum().backward()
    module.on_after_backward()
    return torch.tensor(module.prototypes.weight.grad is None)


def solve_loss_queue(case: Case) -> dict[str, Tensor]:
    """Consecutive steps from empty queues."""
    constants, prototypes = case.constants, case["prototypes"]
    crops, length = constants["crops_for_assign"], constants["queue_length"]
    constants.must_be(steps=len(case["z"]))
    queue = prototypes.new_zeros(len(crops), length, prototypes.shape[1])
    rows: dict[str, list[Any]] = {"loss": [], "grad_z": [], "queue_used": []}
    rows |= {f"Q{index}": [] for index in range(len(crops))}
    first = queue
    for step, raw in enumerate(case["z"]):
        z = raw.clone().requires_grad_()
        rows["queue_used"].append(torch.tensor(queue_is_full(queue[0])))
        loss, codes, unit = _step(z, prototypes, constants, list(queue))
        loss.backward()
        for index, view in enumerate(crops):
            push(queue[index], unit[view].detach())
            rows[f"Q{index}"].append(codes[index])
        rows["loss"].append(loss.detach())
        rows["grad_z"].append(z.grad)
        first = queue.clone() if step == 0 else first
    stacked = {name: torch.stack(values) for name, values in rows.items()}
    return stacked | {"queue_after_first": first, "queue_after_last": queue}


def solve_larc(case: Case) -> dict[str, Tensor]:
    """Steps of LARC over SGD for every variant of its constants."""
    constants, found = case.constants, {}
    for name, variant in constants["variants"].items():
        count = sum(key.startswith(f"{name}_p") and key.endswith("_init") for key in case.arrays)
        weights = [nn.Parameter(case[f"{name}_p{i}_init"].clone()) for i in range(count)]
        optimizer = LARC(
            weights,
            lr=variant["lr"],
            momentum=constants["momentum"],
            weight_decay=variant["weight_decay"],
            trust_coefficient=variant["trust"],
            clip=variant["clip"],
            eps=constants["eps"],
        )
        for step in range(constants["steps"]):
            lr = variant["lr"] * (1 - constants["lr_step_factor"] * step)
            optimizer.param_groups[0]["lr"] = lr
            for i, weight in enumerate(weights):
                key = f"{name}_p{i}_grad{step}"
                weight.grad = case[key].clone() if key in case else None
            optimizer.step()
            for i, weight in enumerate(weights):
                found[f"{name}_p{i}_after{step}"] = weight.detach().clone()
    return found


def solve_schedule(case: Case) -> dict[str, Any]:
    """Warm-up and cosine tables."""
    return {
        name: warmup_cosine(
            c["base_lr"],
            c["final_lr"],
            c["iterations_per_epoch"],
            c["epochs"],
            c["warmup_epochs"],
            c["start_warmup"],
        )
        for name, c in case.constants.items()
    }


def solve_head(case: Case) -> dict[str, Any]:
    """Head, normalisation and scores, trained once and then evaluated."""
    weights = {key.removeprefix("w_"): case[key] for key in case.arrays if key.startswith("w_")}
    hidden, features = weights["projection_head.0.weight"].shape
    output = weights["projection_head.3.weight"].shape[0]
    head = projection_head(features, SwAVConfig(hidden_dim=hidden, output_dim=output))
    head.to(case.dtype)
    prefix = "projection_head."
    own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    head.load_state_dict(own, strict=False)  # running statistics stay at their start
    norm = head[1]
    norm.eps, norm.momentum = case.constants["bn_eps"], case.constants["bn_momentum"]
    x = case["features"].requires_grad_()
    z = F.normalize(head(x), dim=1)
    scores = z @ weights["prototypes.weight"].T
    (scores * case["cotangent"]).sum().backward()
    with evaluating(head):
        scores_eval = F.normalize(head(x), dim=1) @ weights["prototypes.weight"].T
    return {
        "embedding": z,
        "scores": scores,
        "grad_features": x.grad,
        "bn_running_mean": norm.running_mean,
        "bn_running_var": norm.running_var,
        "scores_eval": scores_eval,
    }


CASES = {
    "sinkhorn": solve_sinkhorn,
    "sinkhorn_distributed": solve_sinkhorn_distributed,
    "loss": solve_loss,
    "loss_queue": solve_loss_queue,
    "larc": solve_larc,
    "schedule": solve_schedule,
    "head": solve_head,
}
