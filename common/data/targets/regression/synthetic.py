"""Samples with numbers as labels that stand in for a real set of their form."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.synthetic import Numbers, fewer_of_each
from common.data.targets.regression.module import RegressionData
from common.data.targets.regression.samples import TEST, TRAIN, VAL, RegressionSet
from common.data.targets.regression.views import RegressionBatch

# How much of an input follows its label.
SHARE = 0.3
ROLES = (TRAIN, VAL, TEST)
# Inputs with fewer values other than 0 are drawn so.
SPARSE_BELOW = 0.5


def shape_of(data: RegressionData) -> dict[str, Any]:
    """Returns what `make` must know of a whole set, before its split is chosen; JSON can hold it.

    ``splits``: of each, the samples to train, validate and test on. ``levels``: how many labels
    differ, null where most do. ``nonzero``: values of an input that are not 0, null where most are.
    """
    found = data.whole
    inputs = found.inputs if found.inputs.is_floating_point() else found.inputs.double() / 255
    size = inputs[0].numel()
    levels, nonzero = len(found.targets.unique()), round(int((inputs != 0).sum()) / len(inputs))
    return {
        "shape": list(inputs.shape[1:]),
        "columns": list(found.columns),
        "splits": [[int((roles == role).sum()) for role in ROLES] for roles in found.splits],
        "inputs": [float(inputs.min()), float(inputs.max())],
        "targets": [float(found.targets.min()), float(found.targets.max())],
        "levels": levels if levels <= len(inputs) // 2 else None,
        "nonzero": nonzero if nonzero < SPARSE_BELOW * size else None,
    }


def inputs(batch: RegressionBatch) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch, to see what it makes of it."""
    return (batch.inputs[0],)


def make(shape: dict[str, Any], rows: int | None = None, seed: int = 0) -> RegressionSet:
    """Returns float64 inputs and labels; those of images are in 0..1, whatever they are held as.

    Args:
        shape: What `shape_of` returned.
        rows: About so many samples, two in each part of a split at least; None: all.
        seed: Decides every draw.
    """
    generator = np.random.default_rng(seed)
    counts = [fewer_of_each([parts], rows)[0] for parts in shape["splits"]]
    num = min(map(sum, counts))
    share = _labels(num, shape["levels"], generator)
    splits = np.stack([_roles(parts, num, generator) for parts in counts])
    return RegressionSet(
        torch.from_numpy(_inputs(shape, share, generator)),
        torch.from_numpy(_between(share, *shape["targets"])),
        torch.from_numpy(splits),
        tuple(shape["columns"]),
    )


def _labels(num: int, levels: int | None, generator: np.random.Generator) -> Numbers:
    """Returns labels in 0..1, both among them; no two are equal unless there are ``levels``."""
    if levels is None:
        return _stretched(generator.random(num))
    return generator.permutation(np.arange(num) % levels) / max(levels - 1, 1)


def _roles(parts: list[int], num: int, generator: np.random.Generator) -> NDArray[np.int8]:
    """Returns the part of each sample; training takes what rounding left over."""
    _, *others = parts
    roles = np.repeat(np.array(ROLES, dtype=np.int8), [num - sum(others), *others])
    return generator.permutation(roles)


def _inputs(shape: dict[str, Any], share: Numbers, generator: np.random.Generator) -> Numbers:
    """Returns inputs of which each value rises or falls with the label, and is noisy."""
    one = (1, *shape["shape"])
    slope, low = generator.random(one), generator.random(one)
    place = share.reshape(-1, *[1] * len(shape["shape"]))
    noise = generator.random((len(share), *shape["shape"]))
    values = SHARE * (low * (1 - place) + slope * place) + (1 - SHARE) * noise
    if shape["nonzero"] is None:
        return _between(_stretched(values), *shape["inputs"])
    order = generator.random(values.shape).reshape(len(values), -1)
    kept = np.argpartition(order, shape["nonzero"])[:, : shape["nonzero"]]
    mask = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(mask, kept, True, 1)
    chosen = mask.reshape(values.shape)
    found = np.zeros_like(values)
    found[chosen] = _between(_stretched(values[chosen]), *shape["inputs"])
    return found


def _stretched(values: Numbers) -> Numbers:
    """Returns ``values`` moved and scaled so that 0 and 1 are their ends."""
    return (values - values.min()) / (values.max() - values.min())


def _between(share: Numbers, low: float, high: float) -> Numbers:
    """Returns ``low`` for 0 and ``high`` for 1, both exactly."""
    return low * (1 - share) + high * share
