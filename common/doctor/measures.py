"""What vectors and scores of a batch tell: spread, rank, how far views and modalities are apart."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from common.losses.precision import unit, upcast
from common.losses.spread import effective_rank

ROWS = 512  # more say little about a spectrum, and cost much
LEFT_OUT = -1e4  # a score that stands for no pair


class Spread(NamedTuple):
    """How vectors of different inputs differ.

    ``spread``: 1 - |mean|^2 of unit vectors: 0 where all are one vector, 1 where they point
    everywhere. ``rank``: the effective rank of the centred vectors; ``directions``: in how many
    directions their variance lies, its participation ratio.
    """

    spread: float
    rank: float
    directions: float


class Contrast(NamedTuple):
    """How scores of a row differ, in units of the temperature.

    ``columns``: pairs of a row; ``deviation``: the standard deviation of their scores; ``counted``:
    the share of a row's pairs that have weight, exp(entropy of the softmax) / columns.
    """

    columns: float
    deviation: float
    counted: float


def spread_of(x: Tensor) -> Spread:
    """Returns the `Spread` of ``x (rows, dim)``."""
    x = upcast(x.detach())[:ROWS]
    u = unit(x)
    values = torch.linalg.svdvals((u - u.mean(0)).double()).square()
    directions = float(values.sum().square() / values.square().sum().clamp(min=1e-24))
    return Spread(1 - float(u.mean(0).square().sum()), float(effective_rank(u)), directions)


def contrast_of(scores: Tensor) -> Contrast | None:
    """Returns the `Contrast` of ``(rows, columns)``, -inf where a pair is left out.

    None where no row has two pairs.
    """
    scores = upcast(scores.detach()).flatten(0, -2)[:ROWS]
    there = scores > LEFT_OUT
    scores, there = scores[there.sum(1) > 1], there[there.sum(1) > 1]
    if not len(scores):
        return None
    count = there.sum(1)
    mean = scores.masked_fill(~there, 0).sum(1) / count
    variance = (scores - mean[:, None]).masked_fill(~there, 0).square().sum(1) / count
    weights = scores.masked_fill(~there, -torch.inf).softmax(1)
    counted = torch.special.entr(weights).sum(1).exp() / count
    return Contrast(
        float(count.double().mean()), float(variance.sqrt().mean()), float(counted.mean())
    )


def view_noise(a: Tensor, b: Tensor) -> float:
    """Returns how far views of one input are apart, by how far different inputs are.

    Squared distances of rows at unit length: 0 where views are equal, 1 where the views of an input
    are no nearer than those of others.

    Args:
        a: ``(batch, dim)``; row i is of the input of row i of ``b``.
        b: The same shape.
    """
    a, b = unit(upcast(a.detach())), unit(upcast(b.detach()))
    within = (a - b).square().sum(1).mean()
    across = (2 - 2 * a @ b.T).clamp(min=0)
    across = (across.sum() - across.diagonal().sum()) / max(len(a) * (len(a) - 1), 1)
    return float(within / across) if float(across) > 1e-9 else math.nan


def gap_share(u: Tensor, v: Tensor) -> float:
    """Returns how much of the variance of unit vectors is that between two modalities.

    0 where both have one centre; 1 where each is one point, and they are two.

    Args:
        u: ``(rows, dim)``.
        v: The same shape.
    """
    u, v = unit(upcast(u.detach())), unit(upcast(v.detach()))
    between = (u.mean(0) - v.mean(0)).square().sum() / 4
    within = sum(float((x - x.mean(0)).square().sum(1).mean()) for x in (u, v)) / 2
    return float(between / (between + within).clamp(min=1e-12))
