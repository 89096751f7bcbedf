"""Our functions on the stored reference values of DefSent+ and DefSent."""

from typing import Any

import numpy as np
import torch

from common.backbones.text_encoder import pool
from common.optim.schedules import warmup_linear
from common.results.parity import Case
from papers.defsent_plus.defsent import WordHead, predict_word, warmup_rates
from papers.defsent_plus.entries import EntryMeans
from papers.defsent_plus.head import Head
from papers.defsent_plus.isotropic import independent_components, standardised
from papers.defsent_plus.loss import entry_logits, predict_entry
from papers.defsent_plus.prediction import entry_ranks, rank_metrics

POOLERS = {"cls": "cls", "mean": "avg"}


def solve_entries(case: Case) -> dict[str, Any]:
    """Vectors of entries by both poolers."""
    owner, states = case["owner"], case["states"]
    count, found = int(owner.max()) + 1, {}
    for name, pooler in (("AC", "cls"), ("AMP", "avg")):
        means = EntryMeans(states.new_zeros(count, states.shape[2]))
        means.add(pool(pooler, [states], case["mask"]), owner)
        found[name] = means.means()
    return found


def solve_prediction(case: Case) -> dict[str, Any]:
    """From the last states to logits, loss and gradients, by both poolers."""
    found: dict[str, Any] = {}
    for suffix, pooler in POOLERS.items():
        states = case["states"].requires_grad_()
        head = Head(states.shape[2], case.constants["activation"]).to(states.dtype)
        head.load_state_dict({"weight": case["pooler_weight"], "bias": case["pooler_bias"]})
        logits = entry_logits(head(pool(pooler, [states], case["mask"])), case["E"])
        loss = predict_entry(logits, case["entry"])
        learnt = {"states": states, "pooler_weight": head.weight, "pooler_bias": head.bias}
        gradients = torch.autograd.grad(loss, list(learnt.values()))
        found |= {f"g_{name}_{suffix}": g for name, g in zip(learnt, gradients, strict=True)}
        found |= {f"logits_{suffix}": logits, f"loss_{suffix}": loss}
    return found


def solve_defsent_head(case: Case) -> dict[str, Any]:
    """DefSent's logits of words, its loss, and the gradient of the sentence vector."""
    x, decoder = case["x"].requires_grad_(), case["decoder"]
    eps = case.constants["layer_norm_eps"]
    head = WordHead(x.shape[1], len(decoder), eps).to(x.dtype)
    arrays = {
        "dense.weight": case["dense_weight"],
        "dense.bias": case["dense_bias"],
        "norm.weight": case["norm_weight"],
        "norm.bias": case["norm_bias"],
        "decoder.weight": decoder,
        "decoder.bias": case["decoder_bias"],
    }
    head.load_state_dict(arrays)
    loss = predict_word(head, x, case["word"])
    return {"logits": head(x), "loss": loss, "g_x": torch.autograd.grad(loss, x)[0]}


def solve_ica(case: Case) -> dict[str, Any]:
    """Standardised entries, their independent components, and the covariance of these."""
    x, start = (case[name].double().numpy() for name in ("X", "w_init"))
    given = case.constants
    y = independent_components(x, given["scale"], given["max_iter"], given["tol"], start)
    return {"standardised": standardised(x), "Y": y, "cov": np.cov(y.T, bias=True)}


def solve_retrieval(case: Case) -> dict[str, Any]:
    """Mean reciprocal rank, and accuracy at each k."""
    top = case.constants["topk"]
    ranks = entry_ranks(case["logits"], case["entry"])
    found = rank_metrics(ranks, top, range(1, top + 1))
    return {
        "mrr": found["entry_mrr"],
        "accuracy": np.array([found[f"entry_top{k}"] for k in range(1, top + 1)]),
    }


def solve_schedules(case: Case) -> dict[str, Any]:
    """Rates of both methods, the one after the last update included."""
    lr, steps = case.constants["lr"], case.constants["steps"]
    falling = warmup_linear(lr, 0.0, steps, 1)
    return {
        "defsent_plus": np.append(falling, 0.0),
        "defsent": warmup_rates(lr, steps, case.constants["warmup_ratio"]),
    }


CASES = {
    "entry_embeddings": solve_entries,
    "prediction_bert": solve_prediction,
    "prediction_roberta": solve_prediction,
    "defsent_head": solve_defsent_head,
    "ica": solve_ica,
    "retrieval": solve_retrieval,
    "schedules": solve_schedules,
}
