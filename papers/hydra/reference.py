"""Our functions on Hydra's stored reference values, case by case."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from common.backbones.modes import evaluating
from common.losses.pairs import arbitrary_partners, distinct_partners
from common.losses.precision import unit, upcast
from common.losses.spread import effective_rank
from common.losses.supcon import class_contrast, count_label
from common.optim.ema import cosine_momentum
from common.results.parity import Case
from papers.hydra.gate import PairGate, active_count, class_relations, pair_gates
from papers.hydra.loss import (
    activation,
    gate_entropy,
    gated_similarity,
    instance_contrast,
    momentum_total,
    pair_contrast,
    pair_terms,
    positives_and_negatives,
)

Floats = npt.NDArray[np.float64]


def _load_gate(case: Case, fusion: str = "average", statistics: str = "") -> PairGate:
    """Returns the gate with the case's parameters and its statistics ``rm1<statistics>`` ..."""
    classes, embedding = case["embedding"].shape
    output, hidden = case["lin2_weight"].shape
    gate = PairGate(classes, output, embedding, hidden, fusion).to(case.dtype)
    state = {"embedding.weight": case["embedding"]}
    for n in "12":
        state |= {f"norm{n}.{part}": case[f"bn{n}_{part}"] for part in ("weight", "bias")}
        state |= {f"linear{n}.{part}": case[f"lin{n}_{part}"] for part in ("weight", "bias")}
        state[f"norm{n}.running_mean"] = case[f"rm{n}{statistics}"]
        state[f"norm{n}.running_var"] = case[f"rv{n}{statistics}"]
    gate.load_state_dict(state, strict=False)
    for norm in (gate.norm1, gate.norm2):
        norm.eps = case.constants.get("bn_eps", norm.eps)
        norm.momentum = case.constants.get("bn_momentum", norm.momentum)
    return gate


def solve_gate(case: Case) -> dict[str, Any]:
    """Gates in evaluation, then one training call with its statistics and gradients."""
    y1, y2 = case["y1"], case["y2"]
    gate, product = _load_gate(case), _load_gate(case, "product")
    with evaluating(gate), evaluating(product):
        found: dict[str, Any] = {
            "gate_eval": gate(y1, y2),
            "gate_eval_single": gate(y1, y1),
            "gate_eval_product": product(y1, y2),
        }
    found["gate_train"] = trained = gate(y1, y2)
    (trained * case["probe"]).sum().backward()
    for n, norm in (("1", gate.norm1), ("2", gate.norm2)):
        found[f"rm{n}_after"], found[f"rv{n}_after"] = norm.running_mean, norm.running_var
    found["grad_embedding"] = gate.embedding.weight.grad
    found["grad_lin2"] = gate.linear2.weight.grad
    return found


def _gradients(case: Case, form: str, reduction: str) -> dict[str, Any]:
    """Returns the loss of one form and reduction with its gradients."""
    z, k, g = (case[name].requires_grad_() for name in ("z1", "k2", "gate"))
    log_scale = case["scale"].log().requires_grad_()
    y = case["y1"]
    eps = case.constants["macro_eps"]
    loss = pair_contrast(z, k, g, y, case["y2"], y, log_scale.exp(), form, reduction, macro_eps=eps)
    loss.backward()
    return {
        f"loss_{form}_{reduction}": loss,
        f"grad{form}_z1": z.grad,
        f"grad{form}_k2": k.grad,
        f"grad{form}_gate": g.grad,
        f"grad{form}_logscale": log_scale.grad,
    }


def solve_gated_loss(case: Case) -> dict[str, Any]:
    """Both forms and reductions; gradients of A micro and of B macro."""
    y1, y2, scale = case["y1"], case["y2"], case["scale"]
    q, k, gate = unit(case["z1"]), unit(case["k2"]), case["gate"]
    positive, _ = positives_and_negatives(y1, y2, y1)
    found = {
        "same_class_mask": y1[:, None] == y1,
        "pos_mask": positive,
        "cos_A": gated_similarity(q, k, gate, "A"),
        "logits_B": scale * gated_similarity(q, k, gate, "B"),
    }
    found |= _gradients(case, "A", "micro") | _gradients(case, "B", "macro")
    eps = case.constants["macro_eps"]

    def loss(form: str, reduction: str, alpha: float = 0.0) -> Tensor:
        return pair_contrast(q, k, gate, y1, y2, y1, scale, form, reduction, alpha, eps)

    found["loss_A_macro"], found["loss_B_micro"] = loss("A", "macro"), loss("B", "micro")
    alphas = {name: value for name, value in case.constants.items() if name.startswith("alpha")}
    return found | {f"loss_B_{name}": loss("B", "macro", alpha) for name, alpha in alphas.items()}


def solve_pairing(case: Case) -> dict[str, Any]:
    """Form A with each way of choosing partners."""
    y, scale = case["y1"], case.constants["scale"]
    partners = {
        "identical": y,
        "arbitrary": arbitrary_partners(y, case["perm"]),
        "distinct": distinct_partners(y, case["offset"], case.number("num_classes")),
        "absent": case["y2_absent"],
    }
    found = {}
    for name, y2 in partners.items():
        found[f"{name}_npos"] = count_label(y2, y)
        for reduction in ("micro", "macro"):
            found[f"{name}_{reduction}"] = pair_contrast(
                case["z1"],
                case["k2"],
                case["gate"],
                y,
                y2,
                y,
                scale,
                "A",
                reduction,
                macro_eps=case.constants["macro_eps"],
            )
    return found


def solve_limits(case: Case) -> dict[str, Any]:
    """Limiting cases; form A is micro, form B macro."""
    constants, z, k, gate = case.constants, case["z1"], case["k2"], case["gate"]
    y1, y2, unique = case["y1"], case["y2"], torch.arange(len(z))
    scale, one, eps = constants["scale"], torch.ones_like(gate), constants["macro_eps"]

    def loss(form: str, gate: Tensor | None, labels: Tensor, partners: Tensor) -> Tensor:
        reduction = "micro" if form == "A" else "macro"
        return pair_contrast(
            z, k, gate, labels, partners, labels, scale, form, reduction, macro_eps=eps
        )

    total, counted = class_contrast(unit(z), unit(k), y1, y1, 1 / scale)
    binary = (gate > constants["binary_threshold"]).to(gate.dtype)
    rows = torch.linspace(0.2, 3, len(gate), dtype=gate.dtype)[:, None]
    logits = scale * gated_similarity(unit(z), unit(k), gate, "A") + case["shift"]
    positive, negative = positives_and_negatives(y1, y2, y1)
    return {
        "infonce": instance_contrast(z, k, constants["temperature"]),
        "open_gate_unique_labels_A": loss("A", one, unique, unique),
        "open_gate_unique_labels_B": loss("B", one, unique, unique),
        "open_gate_identical": loss("A", None, y1, y1),
        "supcon_out": total / counted,
        "open_gate_arbitrary": loss("A", one, y1, y2),
        "const_gate_A": loss("A", constants["const_gate"] * one, y1, y2),
        "const_gate_B_macro": loss("B", constants["const_gate"] * one, y1, y2),
        "rowscaled_A": loss("A", rows * gate, y1, y2),
        "binary_gate": binary,
        "cos_binary": gated_similarity(unit(z), unit(k), binary, "A"),
        "loss_shift": pair_terms(logits, positive, negative).sum() / positive.sum(),
    }


def solve_hydra_moco(case: Case) -> dict[str, Any]:
    """Terms and totals of momentum Hydra for each weight among the constants."""
    constants, temperature, gate = case.constants, case.number("temperature"), case["gate"]
    y1, y2 = case["y1"], case["y2"]
    pairs = [(case["q1"], case["k2"]), (case["q2"], case["k1"])]
    instance = sum(instance_contrast(q, k, temperature) for q, k in pairs) / torch.tensor(2)
    disparate = torch.stack(
        [pair_contrast(q, k, gate, y1, y2, y1, 1 / temperature) for q, k in pairs]
    ).mean()
    entropy = gate_entropy(gate)
    found = {"instance": instance, "disparate": disparate, "gate_entropy": entropy}
    found["activation"] = activation(gate)
    gammas = {name: value for name, value in constants.items() if name.startswith("gamma")}
    for beta in constants["betas"]:
        total = momentum_total(instance, disparate, beta)
        found[f"total_beta{beta:g}"] = total
        for name, gamma in gammas.items():
            found[f"total_beta{beta:g}_{name}"] = total + gamma * entropy
    return found


def solve_schedules(case: Case) -> dict[str, Any]:
    """Rates and momenta at fractional epochs, and the weights of pairs."""
    constants, epoch = case.constants, case.arrays["epoch"].astype(np.float64)
    peak = constants["base_lr"] * constants["batch"] / constants["reference_batch"]
    base, epochs = constants["base_momentum"], constants["epochs"]
    found: dict[str, Any] = {
        "lr": learning_rates(epoch, peak, constants["warmup_epochs"], epochs),
        "momentum": np.array([cosine_momentum(base, float(e), epochs) for e in epoch]),
    }
    for name, sharpness in constants["alphas"].items():
        found[name] = pair_weights(case["distance"], sharpness)
    return found


def learning_rates(
    epoch: Floats,
    peak: float,
    warmup_epochs: int,
    epochs: int,
    start: float = 0.0,
    final: float = 0.0,
) -> Floats:
    """Returns the rate at each fractional ``epoch``: a linear rise to ``peak``, a half cosine.

    MoCo v3's, and so hydra's: the first update has the rate ``start``, and ``peak`` stands once.
    Training reads the shared table with ``optimizer.peak_once``, which a test holds equal to this.
    """
    progress = (epoch - warmup_epochs) / max(epochs - warmup_epochs, 1)
    cosine = final + (peak - final) * (1 + np.cos(math.pi * progress)) / 2
    rise = start + (peak - start) * epoch / max(warmup_epochs, 1)
    return np.where(epoch < warmup_epochs, rise, cosine)


def pair_weights(distance: Tensor, sharpness: float) -> Tensor:
    """Returns the share of each class pair by its distance, ``(1 + d)^-sharpness``, normalised.

    The weights of hydra's older sampler (WordNet distances); 0 makes all pairs alike, 2 favours
    near ones.
    """
    weights = (1 + distance) ** -sharpness
    return weights / weights.sum()


def solve_relations(case: Case) -> dict[str, Any]:
    """Gates of all pairs, relations of classes, and the spectrum of embeddings."""
    gate = _load_gate(case.other("gate"), statistics="_after")
    classes = gate.embedding.num_embeddings
    gates = pair_gates(gate, torch.arange(classes))
    return {
        "pair_gates": gates,
        "active_count": active_count(gates, case.constants["open_threshold"]),
        "relation_cos": class_relations(gate, classes),
        "cov_singular_values": covariance_spectrum(case["Z"]),
        "effective_rank": effective_rank(case["Z"], centre=False),
    }


@torch.no_grad()
def covariance_spectrum(z: Tensor) -> Tensor:
    """Returns the singular values of the unbiased covariance of ``z (rows, dim)``, descending."""
    centred = upcast(z) - upcast(z).mean(dim=0)
    return torch.linalg.svdvals(centred.T @ centred / (len(z) - 1))


CASES = {
    "gate": solve_gate,
    "gated_loss": solve_gated_loss,
    "hydra_moco": solve_hydra_moco,
    "limits": solve_limits,
    "pairing": solve_pairing,
    "relations": solve_relations,
    "schedules": solve_schedules,
}
