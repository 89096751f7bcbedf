"""Our functions on MoCHi's stored reference values, case by case."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from common.losses.infonce import queue_info_nce
from common.losses.precision import unit
from common.methods.moco import enqueue
from common.results.parity import Case, Constants
from papers.mochi.loss import Draws, hardest_keys, mix, mixed_contrast, mixed_logits, proxy_top1


def stored_draws(case: Case, counts: Constants, prefix: str = "") -> Draws:
    """Returns the case's draws, which ``counts`` must tell the numbers of."""
    draws = Draws(*(case[prefix + name] for name in ("i", "j", "alpha", "i2", "beta")))
    counts.must_be(s=draws.first.shape[1], s2=draws.with_query.shape[1])
    return draws


def contrasted(
    case: Case, counts: Constants, prefix: str = "", excluded: Tensor | None = None
) -> dict[str, Any]:
    """Returns logits, losses, gradient and proxy accuracy of the case's arrays."""
    q = case[f"{prefix}q_raw"].requires_grad_()
    k, queue, draws = case[f"{prefix}k"], case[f"{prefix}queue"], stored_draws(case, counts, prefix)
    num_hard, temperature = counts["N"], case.constants["T"]
    loss = mixed_contrast(q, k, queue, num_hard, draws, temperature, excluded)
    logits = mixed_logits(unit(q), k, queue, num_hard, draws, temperature, excluded)
    return {
        "logits": logits,
        "per_query": logits.logsumexp(1) - logits[:, 0],
        "loss": loss,
        "grad_q_raw": torch.autograd.grad(loss, q)[0],
        "proxy_accuracy": proxy_top1(logits),
    }


def solve_synthesis(case: Case) -> dict[str, Any]:
    """The hardest keys of each query, and both kinds of mixtures."""
    q, queue = case["q"], case["queue"]
    rank = hardest_keys(q @ queue.T, case.constants["N"])
    of_keys, of_query = mix(q, queue, rank, stored_draws(case, case.constants))
    return {"rank": rank, "h": of_keys, "h2": of_query}


def solve_loss(case: Case) -> dict[str, Any]:
    """Each named case: both kinds, each alone, none, and all keys hard."""
    found: dict[str, Any] = {}
    for name, counts in case.constants["cases"].items():
        made = contrasted(case, counts, f"{name}_")
        found |= {f"{name}_{key}": value for key, value in made.items()}
    return found


def solve_excluded_keys(case: Case) -> dict[str, Any]:
    """Keys that are no negatives of a query."""
    excluded = case["excluded"]
    products = (unit(case["q_raw"]) @ case["queue"].T).masked_fill(excluded, -torch.inf)
    rank = hardest_keys(products, case.constants["N"])
    return contrasted(case, case.constants, excluded=excluded) | {"rank": rank}


def solve_queue_and_warmup(case: Case) -> dict[str, Any]:
    """Steps across the end of the warm-up and round the end of the ring."""
    constants, queue = case.constants, case["queue"]
    start, found, step = torch.tensor(constants["start"]), {}, 0
    while f"t{step}_q_raw" in case:
        q, k = case[f"t{step}_q_raw"], case[f"t{step}_k"]
        if step < constants["first_step"]:
            found[f"t{step}_loss"] = queue_info_nce(q, k, queue, constants["T"])
        else:
            draws = stored_draws(case, constants, f"t{step}_")
            settings = constants["N"], draws, constants["T"]
            found[f"t{step}_loss"] = mixed_contrast(q, k, queue, *settings)
        enqueue(queue, start, k)
        found[f"t{step}_queue_after"] = queue.clone()
        step += 1
    return found | {"start_after": start}


CASES: dict[str, Callable[[Case], dict[str, Any]]] = {
    "synthesis": solve_synthesis,
    "loss": solve_loss,
    "excluded_keys": solve_excluded_keys,
    "queue_and_warmup": solve_queue_and_warmup,
}
