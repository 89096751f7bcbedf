"""Hydra's equations: similarity in the subspace of a class pair, and the contrast over it.

Sources are files of the authors' repositories (the paper's text could not be read): "hydra" is
erow/hydra, "FastSSL" erow/FastSSL, "vitookit" erow/vitookit.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import all_reduce_sum, rank, world_size
from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import unit, upcast
from common.losses.supcon import class_contrast, count_label

CHUNK_ROWS = 512
MACRO_EPS = 1e-6
# The square of the smallest norm that `F.normalize` divides by.
SMALLEST_SQUARE = 1e-24


def gated_similarity(q: Tensor, k: Tensor, gate: Tensor | None, form: str) -> Tensor:
    """Returns every anchor's similarity to every key, ``(anchors, keys)``.

    Form A gates and then normalises, ``cos(q_i * g_i, k_j * g_i)`` (hydra); it does not change
    if a row of the gate is multiplied by a number. Form B normalises and then gates,
    ``sum_d q_id g_id^2 k_jd`` (FastSSL). In both all keys are seen in the anchor's subspace, at
    the cost of two matrix products: no array has the size anchors x keys x dim.

    Args:
        q: ``(anchors, dim)``, rows of norm 1.
        k: ``(keys, dim)``, rows of norm 1.
        gate: ``(anchors, dim)``, not negative; null: the whole space, in either form.
        form: "A" or "B".
    """
    if gate is None:
        return q @ k.T
    if form == "B":
        return (q * gate.square()) @ k.T
    # The row's largest entry becomes 1, so that squares of nearly closed gates do not vanish.
    largest = gate.detach().amax(dim=1, keepdim=True)
    squares = (gate / largest.clamp(min=torch.finfo(gate.dtype).tiny)).square()
    q_square = (squares * q.square()).sum(dim=1, keepdim=True)
    k_square = squares @ k.square().T
    floor = SMALLEST_SQUARE
    norms = q_square.clamp(min=floor).rsqrt() * k_square.clamp(min=floor).rsqrt()
    return (q * squares) @ k.T * norms


def positives_and_negatives(
    labels: Tensor, partners: Tensor, key_labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns two masks ``(anchors, keys)``: keys of the partner's class, and of third classes."""
    positive = partners[:, None] == key_labels
    return positive, ~(positive | (labels[:, None] == key_labels))


def pair_terms(logits: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Returns ``log(exp(l_ij) + sum_n exp(l_in)) - l_ij`` of each positive, 0 elsewhere.

    One positive at a time: the others are not in the denominator. Without negatives a term is 0.
    All are ``(anchors, keys)``.
    """
    lowest = torch.finfo(logits.dtype).min
    noise = logits.masked_fill(~negative, lowest).logsumexp(dim=1, keepdim=True)
    return -F.logsigmoid(logits - noise).masked_fill(~positive, 0)


def pair_contrast(
    q: Tensor,
    keys: Tensor,
    gate: Tensor | None,
    labels: Tensor,
    partners: Tensor,
    key_labels: Tensor,
    scale: Tensor | float,
    form: str = "A",
    reduction: str = "micro",
    whole_space: Tensor | float = 0.0,
    macro_eps: float = MACRO_EPS,
) -> Tensor:
    """Returns the contrast of anchors with the keys of their partners' classes.

    "micro" is the mean over all positives (hydra, vitookit) and 0 if there is none; "macro" the
    mean over anchors of the mean over the anchor's positives (FastSSL), 0 for an anchor without.
    In float32 or wider; memory grows with ``CHUNK_ROWS * keys``.

    Several processes: anchors are this process's, keys those of all (gather them first, with
    gradient if they are trained). Averaged losses and gradients are those of the global batch.

    Args:
        q: ``(anchors, dim)``, of any norm.
        keys: ``(keys, dim)``, of any norm.
        gate: ``(anchors, dim)`` in 0 .. 1; null: open.
        labels: ``(anchors,)``.
        partners: ``(anchors,)``, the class of each anchor's positives.
        key_labels: ``(keys,)``.
        scale: One over the temperature.
        form: See `gated_similarity`.
        reduction: "micro" or "macro".
        whole_space: FastSSL's alpha: this much of the cosine in the whole space is taken off.
        macro_eps: Added to each anchor's number of positives.
    """
    with torch.autocast(q.device.type, enabled=False):
        q, keys = unit(q), unit(keys)
        numbers = [_number(x, q) for x in (scale, whole_space)]
        gates = [] if gate is None else [upcast(gate)]
        has_whole_space = isinstance(whole_space, Tensor) or whole_space != 0

        def row_loss(rows: slice, q: Tensor, k: Tensor, *rest: Tensor) -> Tensor:
            scale, alpha, *gates = rest
            own = gates[0][rows] if gates else None
            similarity = gated_similarity(q[rows], k, own, form)
            if has_whole_space:
                similarity = similarity - alpha * (q[rows] @ k.T)
            masks = positives_and_negatives(labels[rows], partners[rows], key_labels)
            terms = pair_terms(scale * similarity, *masks)
            if reduction == "micro":
                return terms.sum()
            counts = masks[0].sum(dim=1).to(terms.dtype) + macro_eps
            return (terms.sum(dim=1) / counts).sum()

        total = sum_over_row_chunks(row_loss, len(q), CHUNK_ROWS, q, keys, *numbers, *gates)
    if reduction == "macro":
        return total / len(q)
    found = count_label(partners, key_labels).sum().to(total.dtype)
    share = all_reduce_sum(found) / world_size()
    return total / share.clamp(min=1 / world_size())


def _number(x: Tensor | float, like: Tensor) -> Tensor:
    return x.to(like.dtype) if isinstance(x, Tensor) else like.new_full((), x)


def instance_contrast(q: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Returns InfoNCE: key i of this process is anchor i's positive, all keys are its noise.

    The instance term of momentum Hydra, without MoCo v3's factor 2T. Several processes: ``keys``
    are those of all by rank, and the mean is over this process's anchors.

    Args:
        q: ``(batch, dim)``, of any norm.
        keys: ``(global batch, dim)``, of any norm.
        temperature: Divides the cosines.
    """
    places = torch.arange(len(keys), device=q.device)
    own = places[rank() * len(q) : (rank() + 1) * len(q)]
    total, _ = class_contrast(unit(q), unit(keys), own, places, temperature)
    return total / len(q)


def gate_entropy(gate: Tensor) -> Tensor:
    """Returns the mean Bernoulli entropy of the entries in nats; 0 if all gates are 0 or 1."""
    gate = upcast(gate)
    # At 0 and 1 the slope is infinite: entries there get no gradient.
    eps = torch.finfo(gate.dtype).eps
    inside = gate.clamp(eps, 1 - eps)
    return (torch.special.entr(inside) + torch.special.entr(1 - inside)).mean()


def activation(gate: Tensor) -> Tensor:
    """Returns how many dimensions a gate leaves open: the mean over rows of the sum."""
    return gate.sum(dim=1).mean()


def momentum_total(instance: Tensor, disparate: Tensor, disparate_weight: float) -> Tensor:
    """Returns ``(instance + beta disparate) / (1 + beta)`` (hydra, ``moco/builder.py``)."""
    return (instance + disparate_weight * disparate) / (1 + disparate_weight)
