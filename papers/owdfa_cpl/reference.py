"""Our functions on CPL's stored reference values, case by case."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.losses.precision import upcast
from common.results.parity import Case
from papers.owdfa_cpl.clusters import count_known, open_world_metrics
from papers.owdfa_cpl.head import CPLHead, patch_pool
from papers.owdfa_cpl.loss import (
    LOG_FLOOR,
    PROBABILITY_FLOOR,
    confidence_weighted,
    entropy,
    hard_pseudo_label,
    margin_cross_entropy,
    mean_entropy,
    pair_consistency,
    soft_labels,
)
from papers.owdfa_cpl.selection import (
    AdaptiveThresholds,
    ClassThresholds,
    Everything,
    FixedThreshold,
)
from papers.owdfa_cpl.voting import global_similarity, part_similarity, vote

# What a rule remembers, as the cases list it.
State = Callable[[Any], Tensor]


def solve_patch_pool(case: Case) -> dict[str, Tensor]:
    """Pools every map to its own grid."""
    sizes = case.constants["out_size"].items()
    return {name: patch_pool(case[f"x{name[1:]}"], *size) for name, size in sizes}


def solve_head(case: Case) -> dict[str, Any]:
    """One pass in training mode, its gradient, and one in evaluation mode."""
    constants, maps = case.constants, case["featuremap"].requires_grad_()
    classes, width = case["fc_weight"].shape
    head = CPLHead(width, classes, constants["parts_per_side"], constants["dropout"])
    head = head.to(case.dtype)
    for norm in (head.norm, head.part_norm):
        norm.eps, norm.momentum = constants["bn_eps"], constants["bn_momentum"]
    with torch.no_grad():
        head.classifier.weight.copy_(case["fc_weight"])
        head.norm.weight.copy_(case["bn_global_weight"])
        head.part_norm.weight.copy_(case["bn_part_weight"].flatten())
    g, p = head.embed(maps), head.embed_parts(maps)
    logits = head.classify(g)
    (logits * case["cotangent"]).sum().backward()
    assert head.norm.running_mean is not None and head.norm.running_var is not None
    found = {
        "logits_train": logits,
        "f_g_train": g,
        "f_p_train": p,
        "grad_featuremap": maps.grad,
        "run_mean_global": head.norm.running_mean.clone(),
        "run_var_global": head.norm.running_var.clone(),
    }
    with evaluating(head):
        g = head.embed(maps)
        return found | {"f_g_eval": g, "logits_eval": head.classify(g)}


def solve_voting(case: Case) -> dict[str, Tensor]:
    """Both similarities, the two sides of the vote, and the partners."""
    labelled = case.number("labeled_len")
    g, p = case["f_g"], case["f_p"]
    found = vote(g, p, labelled)
    own = torch.arange(labelled, len(g))
    return {
        "global_sim_u": global_similarity(g)[labelled:],
        "global_top2_u": torch.stack([own, found.candidates], dim=1),
        "part_sim_u": part_similarity(p)[labelled:],
        "part_second_u": found.best,
        "part_threshold_u": found.threshold,
        "mask_u": found.trusted.float(),
        "pairs_u": found.partners,
    }


def _with_gradient(value: Tensor, logits: Tensor, name: str) -> dict[str, Tensor]:
    gradient = torch.autograd.grad(value, logits, retain_graph=True)[0]
    return {name: value, f"grad_{name}": gradient}


def solve_losses(case: Case) -> dict[str, Tensor]:
    """Every term with its gradient to all logits, and their sum."""
    margin, glv_weight, pseudo_weight, entropy_weight = case["etas"].tolist()
    labelled, logits = case.number("labeled_len"), case["logits"].requires_grad_()
    temperature, scale = (case.constants[k] for k in ("gumbel_temperature", "margin_scale"))
    case.constants.must_be(log_clamp=LOG_FLOOR, entropy_clamp=PROBABILITY_FLOOR)
    soft = soft_labels(logits[labelled:], case["gumbel_noise_u"], temperature)
    csp, weight = confidence_weighted(logits[labelled:], soft, case["mask_u"])
    ce = margin_cross_entropy(logits[:labelled], case["target"], margin * scale)
    glv, spread = pair_consistency(logits, case["pairs"]), mean_entropy(logits)
    total = ce + glv_weight * glv + pseudo_weight * csp - entropy_weight * spread
    found = {"soft_label_u": soft, "hard_index_u": soft.argmax(1), "conf_weight_u": weight}
    terms = {"ce": ce, "glv": glv, "csp": csp, "entropy": spread, "total": total}
    for name, value in terms.items():
        found |= _with_gradient(value, logits, name)
    return found


def solve_margin_entropy(case: Case) -> dict[str, Tensor]:
    """The margin loss for every (m, s) with its gradient, and both entropies."""
    x = case["x"].requires_grad_()
    found: dict[str, Tensor] = {}
    for name, constants in case.constants.items():
        if not isinstance(constants, dict):
            continue
        loss = margin_cross_entropy(x, case["target"], -constants["m"] * constants["s"])
        found[name] = loss
        found[f"grad{name.removeprefix('margin')}"] = torch.autograd.grad(loss, x)[0]
    found["ent2d"] = entropy(upcast(x).softmax(dim=1)).mean()
    return found | {"ent1d": mean_entropy(x)}


def solve_hooks(case: Case) -> dict[str, Tensor]:
    """Each rule over the successive batches: masks, losses, and what it remembers."""
    constants, classes = case.constants, case["logits_u"].shape[-1]
    cutoff, num = constants["p_cutoff"], case.number("n_unlabelled")
    free = AdaptiveThresholds(classes, constants["free_momentum"], constants["free_quantile"])
    rules: dict[str, tuple[nn.Module, State | None]] = {
        "max": (Everything(), None),
        "fix": (FixedThreshold(cutoff), None),
        "flex": (ClassThresholds(cutoff, classes, num), lambda rule: rule.ratio),
        "flex_nowarm": (ClassThresholds(cutoff, classes, num, False), lambda rule: rule.ratio),
        "free": (free, lambda r: torch.cat([r.overall[None], r.by_class, r.histogram])),
    }
    found: dict[str, Tensor] = {}
    for name, (rule, remembered) in rules.items():
        masks, losses, states = [], [], []
        for logits, places in zip(case["logits_u"], case["idx_u"], strict=True):
            masks.append(rule(logits, places))
            losses.append(constants["eta"] * hard_pseudo_label(logits, masks[-1]))
            states += [remembered(rule).clone()] if remembered else []
        found |= {f"{name}_mask": torch.stack(masks).double(), f"{name}_loss": torch.stack(losses)}
        found |= {f"{name}_state": torch.stack(states)} if states else {}
    return found


def solve_metrics(case: Case) -> dict[str, Any]:
    """The nine metrics, the number of known classes, and the mean uncertainty."""
    truth, guess = case.arrays["y_true"], case.arrays["y_pred"]
    num_known = count_known(truth, case.arrays["tags"] == 1)
    found = dict(open_world_metrics(truth, guess, num_known))
    return found | {"num_known": num_known, "val_uncert": 1 - case["conf"].mean()}


CASES = {
    "patch_pool": solve_patch_pool,
    "cpl_head": solve_head,
    "glv_voting": solve_voting,
    "cpl_losses": solve_losses,
    "margin_entropy": solve_margin_entropy,
    "pseudo_hooks": solve_hooks,
    "metrics": solve_metrics,
}
