"""Our functions on SimCSE's stored reference values."""

from typing import Any

import torch
from torch import Tensor

from common.backbones.text_encoder import pool
from common.methods.masked_words import WordDraws, mask_words
from common.results.parity import Case
from papers.simcse.loss import contrast, logits, with_own_rows
from papers.simcse.module import TanhHead


def solve_loss(case: Case) -> dict[str, Any]:
    """Logits, loss and gradients of given embeddings of two views."""
    z1, z2 = case["z1"].requires_grad_(), case["z2"].requires_grad_()
    temperature = case.constants["temp"]
    loss = contrast(z1, z2[None], temperature)
    g1, g2 = torch.autograd.grad(loss, [z1, z2])
    return {"logits": logits(z1, z2[None], temperature), "loss": loss, "g_z1": g1, "g_z2": g2}


def solve_step(case: Case) -> dict[str, Any]:
    """From the last hidden states to logits, loss and gradients, with a head or without one."""
    given, states = case.constants, case["states"].requires_grad_()
    learnt = {"states": states}
    z = pool(given["pooler"], [states], case["mask"])
    if "dense_weight" in case:
        head = TanhHead(z.shape[1]).to(z.dtype)
        head.load_state_dict({"weight": case["dense_weight"], "bias": case["dense_bias"]})
        learnt |= {f"dense_{name}": p for name, p in head.named_parameters()}
        z = head(z)
    views = z.unflatten(0, (-1, given["num_sent"])).transpose(0, 1)
    words = views[0], views[1:], given["temp"], given.get("hard_negative_weight", 0.0)
    loss = contrast(*words)
    gradients = torch.autograd.grad(loss, list(learnt.values()))
    found = {f"g_{name}": value for name, value in zip(learnt, gradients, strict=True)}
    return {"logits": logits(*words), "loss": loss} | found


def solve_poolers(case: Case) -> dict[str, Any]:
    """Every pooler on the states of all layers."""
    return {name: pool(name, list(case["states"]), case["mask"]) for name in case.outputs}


def solve_two_processes(case: Case) -> dict[str, Any]:
    """The gradients of both readings, each process's share computed one after the other."""
    temperature, world = case.constants["temp"], case.constants["world"]
    z = torch.stack([case["z1"], case["z2"]]).requires_grad_()
    loss = contrast(z[0], z[1:], temperature)
    exact = torch.autograd.grad(loss, z)[0]
    published = torch.cat([_own_gradient(z, temperature, r, world) for r in range(world)], 1)
    return {
        "loss": loss,
        "official_g_z1": published[0],
        "official_g_z2": published[1],
        "exact_g_z1": exact[0],
        "exact_g_z2": exact[1],
    }


def _own_gradient(z: Tensor, temperature: float, process: int, world: int) -> Tensor:
    """Returns what the average over processes holds of one process's rows, ``(2, rows, dim)``."""
    everybody = z.detach()
    own = everybody.chunk(world, dim=1)[process].clone().requires_grad_()
    pairs = zip(everybody, own, strict=True)
    views = torch.stack([with_own_rows(all_of, mine, process) for all_of, mine in pairs])
    return torch.autograd.grad(contrast(views[0], views[1:], temperature), own)[0] / world


def solve_masking(case: Case) -> dict[str, Any]:
    """Masked ids and labels, of given draws."""
    masked, replaced, random = (
        case[name].bool() for name in ("masked", "draw_replace", "draw_random")
    )
    special = torch.tensor([case.constants[f"{name}_id"] for name in ("cls", "sep", "pad")])
    masked = masked & ~torch.isin(case["ids"], special)
    draws = WordDraws(masked, replaced, random, case["random_words"])
    inputs, labels = mask_words(case["ids"], draws, case.constants["mask_id"])
    return {"inputs": inputs, "labels": labels}


CASES = {
    "unsup_loss": solve_loss,
    "unsup_step": solve_step,
    "hard_negative_step": solve_step,
    "avg_step": solve_step,
    "poolers": solve_poolers,
    "two_processes": solve_two_processes,
    "mlm_masking": solve_masking,
}
