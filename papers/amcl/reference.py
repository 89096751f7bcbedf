"""Our functions on AMCL's stored reference values, case by case."""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from common.losses.barlow import barlow_twins, correlate, standardise
from common.losses.consistency import simsiam
from common.losses.infonce import nt_xent, queue_info_nce
from common.results.parity import Case
from papers.amcl.loss import Result, Rule, attract, contrast_queue, contrast_views, decorrelate
from papers.amcl.temperature import (
    NoNetwork,
    TemperatureNetwork,
    omega,
    temperature,
)

# Of phi, in the order of its parameters.
WEIGHTS = ("W1", "b1", "W2", "b2")


def network(case: Case) -> TemperatureNetwork:
    """Returns phi with the case's weights."""
    hidden, dim = case["W1"].shape
    phi = TemperatureNetwork(dim, hidden).to(case.dtype)
    phi.load_state_dict(dict(zip(phi.state_dict(), map(case.__getitem__, WEIGHTS), strict=True)))
    return phi


def rule(case: Case, **changes: Any) -> Rule:
    """Returns the rule of the case's constants, with ``changes``."""
    constants = case.constants
    return Rule(**{"low": constants["tau_min"], "high": constants["tau_max"], **changes})


def gradients(
    loss: Tensor, wanted: Iterable[str], inputs: dict[str, Tensor], prefix: str = ""
) -> dict[str, Tensor]:
    """Returns those of the gradients ``<prefix>grad_<input>`` that are ``wanted``."""
    names = [name for name in inputs if f"{prefix}grad_{name}" in wanted]
    if not names:
        return {}
    found = torch.autograd.grad(loss, [inputs[name] for name in names], allow_unused=True)
    return {f"{prefix}grad_{name}": g for name, g in zip(names, found, strict=True)}


def leaves(case: Case, names: Iterable[str], phi: TemperatureNetwork | None) -> dict[str, Tensor]:
    """Returns the arrays as leaves of the gradient, and phi's weights under their stored names."""
    found = {name: case[name].requires_grad_() for name in names}
    if phi is not None:
        found |= dict(zip(WEIGHTS, phi.parameters(), strict=True))
    return found


def solve_omega(case: Case) -> dict[str, Any]:
    """Omega, its slope and minimum, the normal likelihood and the stationary points."""
    taus = case["taus"].requires_grad_()
    rows = [omega(taus, float(dim)) for dim in case["dims"]]
    slopes = [torch.autograd.grad(row.sum(), taus)[0] for row in rows]
    u, v, t, dim = case["u"], case["v"], case["t"], case["u"].shape[1]
    normal = torch.distributions.Normal(v, t.sqrt()[:, None])
    betas = [stationary_temperature(case["s"], float(beta), dim) for beta in case["betas"]]
    none = torch.zeros((), dtype=case.dtype)
    return {
        "omega": torch.stack(rows),
        "domega": torch.stack(slopes),
        "tau_min_point": torch.stack(
            [stationary_temperature(none, 1.0, float(dim)) for dim in case["dims"]]
        ),
        "gauss_nll": -normal.log_prob(u).sum(1),
        "amcl_form": -(u * v).sum(1) / t + omega(t, dim) + dim / 2 * math.log(2 * math.pi),
        "tau_star": torch.stack(betas),
    }


def solve_temperature(case: Case) -> dict[str, Any]:
    """phi, the score and the temperature of aligned rows."""
    phi = network(case)
    inputs = leaves(case, ("a", "b"), phi)
    score = (phi(inputs["a"]) * phi(inputs["b"])).sum(1)
    tau = temperature(score, case.constants["tau_min"], case.constants["tau_max"])
    return {"score": score, "tau": tau} | gradients(tau.sum(), case.outputs, inputs)


def solve_baselines(case: Case) -> dict[str, Any]:
    """The four base losses on the same arrays."""
    inputs = leaves(case, ("z1", "z2", "p1", "p2"), None)
    z1, z2, p1, p2 = inputs.values()
    std_eps = case.constants["std_eps"]
    found: dict[str, Any] = {
        "barlow_corr": correlate(standardise(z1, std_eps), standardise(z2, std_eps))
    }
    losses = {
        "barlow": barlow_twins(z1, z2, case.constants["lambda"], std_eps),
        "simsiam": simsiam(p1, z1, p2, z2),
    }
    for name, value in case.constants["temperatures"].items():
        losses[f"ntxent_{name}"] = nt_xent(z1, z2, value)
        losses[f"dcl_{name}"] = nt_xent(z1, z2, value, positive_in_denominator=False)
        losses[f"moco_{name}"] = queue_info_nce(z1, z2, case["queue"].T, value)
    for name, loss in losses.items():
        found[name] = loss
        names = {**inputs, "q": z1} if name.startswith("moco") else inputs
        found |= gradients(loss, case.outputs, names, f"{name}_")
    return found


def solve_barlow_twins(case: Case) -> dict[str, Any]:
    """The base loss as its authors have it: both views through batch norm, the biased deviation."""
    inputs = leaves(case, ("z1", "z2"), None)
    loss = barlow_twins(inputs["z1"], inputs["z2"], case.constants["lambda"])
    corr = correlate(*(standardise(z) for z in inputs.values()))
    return {"loss": loss, "corr": corr} | gradients(loss, case.outputs, inputs)


def solve_limits(case: Case) -> dict[str, Any]:
    """One head and phi = 0: the hard, the soft and the plain losses at one temperature."""
    z1, z2, zero = case["z1"][:, None], case["z2"][:, None], torch.zeros((), dtype=case.dtype)
    negatives = 2 * len(z1) - 2
    tau = temperature(zero, case.constants["tau_min"], case.constants["tau_max"])

    def plain(**changes: Any) -> Result:
        return contrast_views(z1, z2, NoNetwork(), rule(case, beta=0.0, **changes))

    def without_positive(tau: float) -> Tensor:
        return nt_xent(case["z1"], case["z2"], tau, positive_in_denominator=False)

    soft = plain(log_sum_exp=True)
    ell = soft.terms[0, :, :, :2].sum(2).flatten()
    small = [t * without_positive(t) for t in case["taus_small"].tolist()]
    return {
        "tau_const": tau,
        "hard": plain(top_k=1).loss,
        "lse": soft.loss,
        "dcl": without_positive(float(tau)),
        "ntxent": nt_xent(case["z1"], case["z2"], float(tau)),
        "log_2B_minus_2": torch.tensor(negatives, dtype=case.dtype).log(),
        "tau_times_dcl": torch.stack(small),
        "tau_times_hard": plain(low=1.0, high=1.0, top_k=1).loss,
        "mean_all": plain(top_k=negatives).loss,
        "ell_per_anchor": ell,
    }


def solve_ntxent(case: Case) -> dict[str, Any]:
    """Every named beta and k, the paper's form, and heads alone and doubled."""
    phi = network(case)
    inputs = leaves(case, ("z1", "z2"), phi)
    z1, z2 = inputs["z1"], inputs["z2"]
    found: dict[str, Any] = {}
    for name in case.outputs:
        if match := re.fullmatch(r"loss_b([^_]+)_k(\d+)", name):
            own = rule(case, beta=float(match[1]), top_k=int(match[2]))
            found[name] = contrast_views(z1, z2, phi, own).loss
            found |= gradients(found[name], case.outputs, inputs, f"{name}_")
        elif match := re.fullmatch(r"papermax_b([^_]+)", name):
            own = rule(case, beta=float(match[1]), top_k=1, negative_dim=None)
            found[name] = contrast_views(z1, z2, phi, own).loss
        elif match := re.fullmatch(r"parts_k(\d+)", name):
            terms = contrast_views(z1, z2, phi, rule(case, top_k=int(match[1]))).terms
            found[name] = terms.mean(2).flatten(0, 1)
    constants = case.constants
    own = rule(case, beta=constants["head0_beta"], top_k=constants["head0_k"])
    one, two = ([head] * count for head, count in ((0, 1), (0, 2)))
    found["loss_head0"] = contrast_views(z1[:, one], z2[:, one], phi, own).loss
    found["loss_duplicated_heads"] = contrast_views(z1[:, two], z2[:, two], phi, own).loss
    return found


def solve_moco(case: Case) -> dict[str, Any]:
    """Both directions, and the queries' alone."""
    phi = network(case)
    inputs = leaves(case, ("q",), phi)
    own = rule(case, beta=case.constants["beta"], top_k=case.constants["k"])
    queue = case["queue"].transpose(1, 2)

    def loss(symmetric: bool) -> Tensor:
        return contrast_queue(inputs["q"], case["k"], queue, phi, own, symmetric).loss

    found = {"loss_sym": loss(True), "loss_onesided": loss(False)}
    return found | gradients(found["loss_sym"], case.outputs, inputs)


def solve_simsiam(case: Case) -> dict[str, Any]:
    """Predictions against targets without gradient."""
    phi = network(case)
    inputs = leaves(case, ("p1", "z1", "p2", "z2"), phi)
    own = rule(case, beta=case.constants["beta"])
    loss = attract(inputs["p1"], inputs["z1"], inputs["p2"], inputs["z2"], phi, own).loss
    return {"loss": loss} | gradients(loss, case.outputs, inputs)


def solve_barlow(case: Case) -> dict[str, Any]:
    """The loss for each ``beta`` of the constants, named as they are."""
    phi = network(case)
    inputs = leaves(case, ("z1", "z2"), phi)
    found: dict[str, Any] = {}
    for name, beta in case.constants.items():
        if name == "beta" or name.startswith("beta_"):
            weight, std_eps = case.constants["lambda"], case.constants["std_eps"]
            own = rule(case, beta=beta, off_diagonal_weight=weight, std_eps=std_eps)
            loss = decorrelate(inputs["z1"], inputs["z2"], phi, own).loss
            found[f"loss{name.removeprefix('beta')}"] = loss
    return found | gradients(found["loss"], case.outputs, inputs)


def stationary_temperature(similarity: Tensor, beta: float, dim: float) -> Tensor:
    """Returns where ``-similarity / tau + beta * omega(tau, dim)`` is least: its one extremum.

    At or below 0 there is none: the positives of ``similarity >= beta`` drive tau to its floor.
    """
    return 2 * (1 - similarity / beta) / dim


CASES: dict[str, Callable[[Case], dict[str, Any]]] = {
    "omega": solve_omega,
    "temperature": solve_temperature,
    "baselines": solve_baselines,
    "barlow_twins": solve_barlow_twins,
    "limits": solve_limits,
    "amcl_ntxent": solve_ntxent,
    "amcl_moco": solve_moco,
    "amcl_simsiam": solve_simsiam,
    "amcl_barlow": solve_barlow,
}
