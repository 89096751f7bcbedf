"""Our functions on DSE's stored reference values."""

from typing import Any

import torch
from torch import nn

from common.evaluation.sts import pearson, spearman
from common.optim.build import parameter_groups
from common.results.parity import Case
from papers.dse.bert_adam import BertAdam, multiplier
from papers.dse.head import PairHead, pool_top
from papers.dse.loss import dse_loss
from papers.dse.pair_task import binary_metrics

TASKS = {"binary": "binary", "multiclass": "multi-class", "regression": "regression"}


def solve_poolers(case: Case) -> dict[str, Any]:
    """Every pooler on the states of all layers."""
    layers, count = list(case["layers"]), case.constants["num_top"]
    return {name: pool_top(name, layers, case["mask"], count) for name in case.outputs}


def solve_head(case: Case) -> dict[str, Any]:
    """Logits of given vectors and layers, and gradients."""
    learnt = {"u": case["u"].requires_grad_(), "v": case["v"].requires_grad_()}
    dim = learnt["u"].shape[1]
    features = "concat" if "w0" in case and case["w0"].shape[1] == 4 * dim else "dot"
    head = PairHead(dim, features, case.constants["fc_dims"])
    head.to(learnt["u"].dtype)
    for number, layer in enumerate(head.layers):
        layer.load_state_dict({"weight": case[f"w{number}"], "bias": case[f"b{number}"]})
        for name, parameter in layer.named_parameters():
            learnt[f"{name[0]}{number}"] = parameter
    logits = head(learnt["u"], learnt["v"])
    gradients = torch.autograd.grad((case["cotangent"] * logits).sum(), list(learnt.values()))
    found = {f"g_{name}": value for name, value in zip(learnt, gradients, strict=True)}
    return {"logits": logits} | found


def solve_loss(case: Case) -> dict[str, Any]:
    """Losses and gradients of each task, one for each weight of the distillation."""
    found: dict[str, Any] = {}
    for name, task in TASKS.items():
        losses, gradients = [], []
        targets, teacher = case[f"{name}_label"].flatten(), case[f"{name}_teacher"]
        for weight in case["coefficients"].tolist():
            logits = case[f"{name}_logits"].clone().requires_grad_()
            loss = dse_loss(task, logits, targets, teacher, weight)
            losses.append(loss.detach())
            gradients.append(torch.autograd.grad(loss, logits)[0])
        found |= {f"{name}_loss": torch.stack(losses), f"{name}_g": torch.stack(gradients)}
    return found


def solve_bert_adam(case: Case) -> dict[str, Any]:
    """Updates of a matrix with decay and a vector without, at the rates of the schedule."""
    given, count = case.constants, len(case["grad_w"])
    w, b = nn.Parameter(case["w0"].clone()), nn.Parameter(case["b0"].clone())
    groups = parameter_groups([w, b], given["weight_decay"], exclude_1d=True)
    optimizer = BertAdam(groups, lr=given["lr"], eps=given["eps"], max_norm=given["max_grad_norm"])
    shares = [multiplier(each, given["t_total"], given["warmup"]) for each in range(count)]
    after: dict[str, list[Any]] = {"w": [], "b": []}
    for update, share in enumerate(shares):
        for group in optimizer.param_groups:
            group["lr"] = given["lr"] * share
        w.grad, b.grad = case["grad_w"][update], case["grad_b"][update]
        optimizer.step()
        after["w"].append(w.detach().clone())
        after["b"].append(b.detach().clone())
    return {name: torch.stack(values) for name, values in after.items()} | {
        "multiplier": torch.tensor(shares, dtype=w.dtype)
    }


def solve_metrics(case: Case) -> dict[str, Any]:
    """Metrics at each threshold, and correlations."""
    logits, labels = case["logits"].numpy(), case["labels"].numpy()
    each = [binary_metrics(logits, labels, float(t)) for t in case["thresholds"]]
    found = {name: torch.tensor([one[name] for one in each]) for name in each[0]}
    score, gold = case["score"].numpy(), case["gold"].numpy()
    return found | {
        "pearson": torch.tensor(pearson(score, gold) / 100),
        "spearman": torch.tensor(spearman(score, gold) / 100),
    }


CASES = {
    "poolers": solve_poolers,
    "head_concat": solve_head,
    "head_dot": solve_head,
    "loss": solve_loss,
    "bert_adam": solve_bert_adam,
    "metrics": solve_metrics,
}
