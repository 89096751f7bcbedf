"""Our functions on cMIM's stored reference values."""

from typing import Any

import torch

from common.results.parity import Case
from papers.cmim.loss import (
    code_contrast,
    log_bernoulli,
    log_gaussian,
    log_normal,
    log_prior,
    mim_density,
    vae_density,
)


def solve_a_mim(case: Case) -> dict[str, Any]:
    """The auto-encoder's terms and loss, a VAE's loss, and gradients."""
    inputs = {name: case[name].requires_grad_() for name in ("mu", "log_var", "logits")}
    mean, log_scale, logits = inputs["mu"], inputs["log_var"] / 2, inputs["logits"]
    z = mean + log_scale.exp() * case["eps"]
    log_q, prior = log_normal(z, mean, log_scale), log_prior(z)
    bernoulli = log_bernoulli(case["x"], logits)
    hidden = mim_density(log_q, prior)
    loss = (hidden - bernoulli).mean()
    vae_loss = (vae_density(log_q, prior) - bernoulli).mean()
    gradients = torch.autograd.grad(loss, [*inputs.values()], retain_graph=True)
    of_vae = torch.autograd.grad(vae_loss, [inputs["mu"], inputs["log_var"]])
    return {
        "z": z,
        "log_q": log_q,
        "log_prior": prior,
        "hidden": hidden,
        "log_p_bernoulli": bernoulli,
        "log_p_gaussian": log_gaussian(case["x"], case["x_mean"], case.constants["sd"]),
        "loss": loss,
        **{f"grad_{name}": value for name, value in zip(inputs, gradients, strict=True)},
        "vae_loss": vae_loss,
        "vae_grad_mu": of_vae[0],
        "vae_grad_log_var": of_vae[1],
    }


def solve_contrast(case: Case) -> dict[str, Any]:
    """Each reading of the contrastive term, and its gradients."""
    found: dict[str, Any] = {}
    for temperature in case.constants["temperatures"]:
        for negatives in ("mean", "sum"):
            for reading in ("codes", "anchors"):
                learnt = {n: case[n].requires_grad_() for n in ("codes", "anchors")}
                terms = code_contrast(learnt[reading], learnt["codes"], temperature, negatives)
                if reading == "codes":
                    del learnt["anchors"]
                name = f"tau{temperature:g}_{negatives}_{reading}"
                gradients = torch.autograd.grad(terms.mean(), [*learnt.values()])
                found |= {f"{name}_per_sample": terms, f"{name}_loss": terms.mean()}
                found |= {f"{name}_grad_{n}": g for n, g in zip(learnt, gradients, strict=True)}
    return found


def solve_batch_size(case: Case) -> dict[str, Any]:
    """The term of the first rows alone, for several numbers of rows."""
    codes, temperature = case["codes"], case.constants["tau"]
    return {
        negatives: torch.stack(
            [
                code_contrast(codes[:rows], codes[:rows], temperature, negatives).mean()
                for rows in case.constants["b"]
            ]
        )
        for negatives in ("mean", "sum")
    }


CASES = {"a_mim": solve_a_mim, "batch_size": solve_batch_size, "contrast": solve_contrast}
