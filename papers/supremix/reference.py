"""Our functions on SupReMix's stored reference values."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from common.evaluation.regression_metrics import absolute_error_metrics, shot_metrics
from common.results.parity import Case
from papers.supremix.config import BETA_OPTIONS
from papers.supremix.loss import WEIGHTS, pair_similarities, per_anchor, supremix

# Names of the distance weights in the published code.
WEIGHT_NAMES = {
    "L1_inv": "linear",
    "L2_inv": "quadratic",
    "L1": "inverse-linear",
    "L2": "inverse-quadratic",
}


def solve_loss(case: Case) -> dict[str, Any]:
    """All arrays of the case; labels, whole numbers or floats, are compared in float64."""
    labels = torch.from_numpy(case.arrays["labels"]).double()
    found: dict[str, Any] = _published_losses(case, labels)
    found |= _mixtures(case, labels)
    found |= _clean_losses(case, labels)
    found |= _shots(case)
    for name in case.outputs:
        if name.startswith("beta_option_"):
            found[name] = torch.tensor(BETA_OPTIONS[int(name.split("_")[2])])
    return found


def _views(case: Case) -> Tensor:
    """Returns features ``(views, batch, dim)`` that need a gradient; stored sample by sample."""
    return case["features"].transpose(0, 1).contiguous().requires_grad_()


def _gradient(loss: Tensor, z: Tensor) -> Tensor:
    return torch.autograd.grad(loss, z)[0].transpose(0, 1)


def _published_losses(case: Case, labels: Tensor) -> dict[str, Tensor]:
    """SimCLR, SupCon and the four weightings: without mixtures the published code is clean."""
    temperature, found = case.number("temperature"), {}
    distances = "from the name: L1, L2, L1_inv, L2_inv"
    case.constants.must_be(supcon_w={"use_weight": True, "distance": distances})
    stems = {name.rpartition("_")[0] for name in case.outputs}
    for stem in sorted(stem for stem in stems if stem.startswith(("simclr", "supcon"))):
        y = torch.arange(len(labels)) if stem == "simclr" else labels
        weights = WEIGHT_NAMES.get(stem.removeprefix("supcon_w_"))
        z = _views(case)
        loss = supremix(z, y, temperature, weights=weights)
        found[f"{stem}_loss"], found[f"{stem}_grad"] = loss, _gradient(loss, z)
        likeness = pair_similarities(z, y, temperature)
        found[f"{stem}_possim"], found[f"{stem}_negsim"] = likeness
    return found


def _mixtures(case: Case, labels: Tensor) -> dict[str, Tensor]:
    z, y = _views(case).detach().flatten(0, 1), labels.repeat(case["features"].shape[1])
    negatives, positives = mix_neg_slots(y), mix_pos_slots(y, case.number("window"))
    mask = torch.full((len(y),) * 3, -1, dtype=torch.int8)
    mask[negatives.unbind(1)] = 0
    mask[positives.unbind(1)] = 1
    alpha, share = case["mixneg_alpha"], mix_pos_shares(y, positives)
    mixed_labels = mix(y, negatives, torch.from_numpy(case.arrays["mixneg_alpha"]))
    return {
        "triplet_mask": mask,
        "mixneg_index": negatives.short(),
        "mixneg_label": mixed_labels,
        "mixneg_vec": mix(z, negatives, alpha),
        "mixpos_index": positives.short(),
        "mixpos_alpha": share,
        "mixpos_vec": mix(z, positives, share.to(z.dtype)),
        "weight_L2_inv_first_mix_row": _first_published_weights(y, negatives, mixed_labels),
    }


def _first_published_weights(y: Tensor, negatives: Tensor, mixed_labels: Tensor) -> Tensor:
    """Weights of anchor 0 for mixtures (0, k), which have a 1 inside the square; label 0 if none.

    Our own weights have no such quirk: the same function is called with the distance shifted.
    """
    labels = torch.zeros_like(y)
    first = negatives[:, 0] == 0
    labels[negatives[first, 2]] = mixed_labels[first]
    return WEIGHTS["quadratic"](y[0] - labels + 1)


def _clean_losses(case: Case, labels: Tensor) -> dict[str, Tensor]:
    views = case["features"].shape[1]
    y = labels.repeat(views)
    alpha = case["features"].new_zeros(len(y), len(y))
    i, _, k = mix_neg_slots(y).unbind(1)
    alpha[i, k] = case["mixneg_alpha"]
    found = {}
    for name, switches in case.constants.items():
        if not name.startswith("clean_"):
            continue
        options: dict[str, Any] = {
            "window": case.number("window") if switches["mixpos"] else None,
            "alpha": alpha if switches["mixneg"] else None,
            "weights": WEIGHT_NAMES.get(switches["weights"]),
        }
        z, temperature = _views(case), case.number("temperature")
        loss = supremix(z, labels, temperature, **options)
        found[f"{name}_loss"], found[f"{name}_grad"] = loss, _gradient(loss, z)
        found[f"{name}_per_anchor"] = per_anchor(z, labels, temperature, **options)
    return found


def _shots(case: Case) -> dict[str, Tensor]:
    constants = case.constants["shot"]
    truth, guess = case["shot_labels"].double(), case["shot_preds"].double()
    groups = shot_metrics(
        guess,
        truth,
        case["shot_train_labels"],
        constants["many_above"],
        constants["few_below"],
    )
    found = {
        f"shot_{theirs}": _row(groups[f"{ours}_{key}"] for key in ("mse", "mae", "gm"))
        for theirs, ours in (("many", "many"), ("median", "medium"), ("low", "few"))
    }
    overall = absolute_error_metrics(guess, truth)
    return found | {"overall_mae_gm": _row([overall["mae"], overall["gm"]])}


def _row(numbers: Iterable[float]) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.float64)


# The mixtures written out as vectors; training never builds them. Rows are view by view.


def mix_neg_slots(labels: Tensor) -> Tensor:
    """Returns ``(M, 3)`` rows (i, i, k): anchor i is mixed with k of another label."""
    i, k = (labels[:, None] != labels).nonzero(as_tuple=True)
    return torch.stack([i, i, k], 1)


def mix_pos_slots(labels: Tensor, window: float) -> Tensor:
    """Returns ``(P, 3)`` rows (i, j, k): labels of j and k bracket that of i within the window."""
    up = labels - labels[:, None]  # (i, k): how far k is above i
    above, below = (up > 0) & (up < window), (up < 0) & (-up < window)
    return (below[:, :, None] & above[:, None, :]).nonzero()


def mix_pos_shares(labels: Tensor, slots: Tensor) -> Tensor:
    """Returns j's share ``(P,)`` that gives the mixture of j and k the label of i.

    In the labels' precision; in float64 of whole numbers.
    """
    i, j, k = (labels if labels.is_floating_point() else labels.double())[slots].T
    return ((k - i) / (k - j)).clamp(0, 1)


def mix(values: Tensor, slots: Tensor, alpha: Tensor) -> Tensor:
    """Returns ``alpha`` of j and the rest of k, of vectors ``(rows, dim)`` or labels ``(rows,)``.

    Not normalised again.
    """
    alpha = alpha.view(-1, *[1] * (values.ndim - 1))
    return alpha * values[slots[:, 1]] + (1 - alpha) * values[slots[:, 2]]


CASES = {"supremix_loss": solve_loss}
