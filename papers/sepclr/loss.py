"""SepCLR's losses: pure functions of the codes of a batch.

The README lists the equations. Their numbers are ours, because the paper's text could not be read.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from common.losses.precision import unit, upcast


def squared_distances(a: Tensor) -> Tensor:
    """Returns ``|a_i - a_j|^2`` of rows ``(num, dim)``, ``(num, num)``.

    By differences: the matrix product that is faster gives equal rows a distance other than 0,
    and all salient codes of the background are equal.
    """
    return (a[:, None] - a[None]).square().sum(2)


def align(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Returns the mean of ``|a_i - b_i|^2 / (2 tau)`` (Eq. 1), 0 of no rows.

    Args:
        a: ``(num, dim)``.
        b: ``(num, dim)``, or what broadcasts to it.
        temperature: tau.
    """
    return (a - b).square().sum() / (2 * temperature * max(len(a), 1))


def uniform(distances: Tensor, temperature: float) -> Tensor:
    """Returns ``log mean_{i<j} exp(-|a_i - a_j|^2 / (2 tau))`` (Eq. 2).

    Args:
        distances: ``(num, num)``, of `squared_distances`, 2 rows at least.
        temperature: tau.
    """
    rows, columns = torch.triu_indices(  # type: ignore[call-arg]
        *distances.shape,
        1,  # type: ignore[arg-type]
        device=distances.device,
    )
    pairs = -distances[rows, columns] / (2 * temperature)
    return pairs.logsumexp(0) - math.log(len(pairs))


def joint(of_common: Tensor, of_salient: Tensor, temperature: float) -> Tensor:
    """Returns ``mean_i log mean_j exp(-(|c_i - c_j|^2 + |s_i - s_j|^2) / (2 tau))`` (Eq. 3).

    j = i is included. Its negative estimates the joint entropy of both codes, up to a constant.

    Args:
        of_common: ``(num, num)``, of `squared_distances`.
        of_salient: The same.
        temperature: tau.
    """
    scores = -(of_common + of_salient) / (2 * temperature)
    return scores.logsumexp(1).mean() - math.log(len(scores))


class Parts(NamedTuple):
    """The losses of a step, each a scalar before its weight."""

    common_align: Tensor
    common_uniform: Tensor
    salient_align: Tensor
    salient_uniform: Tensor
    null: Tensor
    joint_entropy: Tensor

    def total(self, salient_weight: float, null_weight: float, joint_weight: float) -> Tensor:
        """Returns the loss (Eq. 5, 6 and 9)."""
        common = self.common_align + 2 * self.common_uniform
        salient = self.salient_align + 2 * self.salient_uniform
        return (
            common
            + salient_weight * salient
            + null_weight * self.null
            + joint_weight * self.joint_entropy
        )


def step_losses(common: Tensor, salient: Tensor, is_target: Tensor, temperature: float) -> Parts:
    """Returns the parts of a step (Eq. 4 to 8), in float32 or wider.

    A set that the batch lacks has no alignment and no null term: they are 0.

    Args:
        common: ``(2, batch, common_dim)``, of both views, of any norm: compared on the sphere.
        salient: ``(2, batch, salient_dim)``, never normalised.
        is_target: ``(batch,)``, false for the background.
        temperature: tau.
    """
    with torch.autocast(common.device.type, enabled=False):
        c, s = unit(common), upcast(salient)
        masked = s * is_target[:, None]  # the background's zeros take part in what follows (Eq. 4)
        of_common = [squared_distances(view) for view in c]
        of_salient = [squared_distances(view) for view in masked]
        background = s[:, ~is_target]
        return Parts(
            align(c[0], c[1], temperature),
            _mean([uniform(d, temperature) for d in of_common]),
            align(s[0, is_target], s[1, is_target], temperature),
            _mean([uniform(d, temperature) for d in of_salient]),
            _mean([align(view, torch.zeros_like(view), temperature) for view in background]),
            _mean([joint(*pair, temperature) for pair in zip(of_common, of_salient, strict=True)]),
        )


class KnownParts(NamedTuple):
    """The losses of a step where the salient attributes are known, each before its weight."""

    common: Tensor
    salient: Tensor
    joint_entropy: Tensor

    def total(self, salient_weight: float, joint_weight: float) -> Tensor:
        """Returns the loss."""
        return self.common + salient_weight * self.salient + joint_weight * self.joint_entropy


def known_attribute_losses(
    common: Tensor, salient: Tensor, attributes: Tensor, is_target: Tensor, temperature: float
) -> KnownParts:
    """Returns the parts of a step of the dSprites script: a salient dimension an attribute.

    Salient values of two targets attract by how alike their attributes are. The first attribute is
    a class; the others are numbers.

    Args:
        common: ``(2, batch, common_dim)``, the plain view and the distorted one, of any norm.
        salient: ``(batch, attributes)``, of the plain view, never normalised.
        attributes: ``(batch, attributes)``, read for targets alone.
        is_target: ``(batch,)``, false for the background.
        temperature: tau, but for the background's pull to zero, which the script fixes.
    """
    c, s = unit(common), upcast(salient)
    masked = s * is_target[:, None]
    of_common = [squared_distances(view) for view in c]
    columns = []
    for column in range(s.shape[1]):
        own = s[:, column, None]
        classes = column == 0
        spread = uniform(squared_distances(masked[:, column, None]), temperature)
        alike = attribute_align(own[is_target], attributes[is_target, column], classes)
        background = own[~is_target]
        null = align(background, torch.zeros_like(background), 0.5 if classes else 0.025)
        columns.append(spread + (alike + null) / 2)
    return KnownParts(
        align(c[0], c[1], temperature) + _mean([uniform(d, temperature) for d in of_common]),
        _mean(columns),
        joint(of_common[0], squared_distances(masked), temperature),
    )


def attribute_align(s: Tensor, values: Tensor, classes: bool) -> Tensor:
    """Returns the mean over pairs of ``exp(-(l_i - l_j)^2 / width) (s_i - s_j)^2``, 0 of no pair.

    Args:
        s: ``(num, 1)``, one salient dimension.
        values: ``(num,)``, the attribute.
        classes: Whether it is a class, whose width is 1e-5, or a number, whose width is 0.05.
    """
    rows, columns = torch.triu_indices(len(s), len(s), 1, device=s.device)
    near = (values[rows] - values[columns]).square() / (1e-5 if classes else 0.05)
    weighted = (-near).exp() * squared_distances(s)[rows, columns]
    return weighted.sum() / max(len(rows), 1)


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()
