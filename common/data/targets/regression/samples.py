"""Samples with their labels and splits, and the checks that they can be learnt from."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.errors import ConfigError, DataError
from common.evaluation.regression_inputs import Samples

TRAIN, VAL, TEST = 0, 1, 2
HOLDOUT_SEED = 20_230_928
SPLIT_SEED = 20_230_929


@dataclass(frozen=True)
class RegressionSet:
    """A whole set, before one of its splits is chosen.

    Attributes:
        inputs: ``(num, ...)``, floating, or uint8 for images.
        targets: ``(num,)``, floating.
        splits: ``(splits, num)`` int8 of `TRAIN`, `VAL` and `TEST`.
        columns: Names of a table's columns, where they are known.
    """

    inputs: Tensor
    targets: Tensor
    splits: Tensor
    columns: tuple[str, ...] = ()


def split_by_masks(is_test: Tensor) -> Tensor:
    """Returns `RegressionSet.splits` from ``(splits, num)`` booleans, true for test."""
    return is_test.to(torch.int8) * TEST


def random_splits(num: int, count: int = 10, test_share: float = 0.1) -> Tensor:
    """Returns ``count`` fixed random splits, ``(count, num)``; no seed of a run is in them."""
    splits = torch.full((count, num), TRAIN, dtype=torch.int8)
    for number, roles in enumerate(splits):
        order = torch.randperm(num, generator=keyed_generator(SPLIT_SEED, number))
        roles[order[: max(round(test_share * num), 1)]] = TEST
    return splits


def check_samples(name: str, found: RegressionSet) -> None:
    """Raises `DataError` where labels are constant or not finite, or inputs are not finite."""
    broken = ~found.targets.isfinite()
    if broken.any():
        row = int(broken.nonzero()[0])
        raise DataError(
            f"{name}: the label of sample {row} is {found.targets[row].item()}; repair it or take "
            "the sample out"
        )
    bad = ~found.inputs.flatten(1).isfinite().all(1)
    if bad.any():
        row = int(bad.nonzero()[0])
        where = ""
        if found.columns:
            column = int((~found.inputs[row].isfinite()).nonzero()[0])
            where = f", column {found.columns[column]!r}"
        raise DataError(f"{name}: sample {row}{where} holds NaN or infinity; fill it or drop it")
    for number, roles in enumerate(found.splits):
        check_numbers(found.targets[roles == TRAIN], name, f"(split {number})")


def check_numbers(labels: Tensor, name: str, which: str) -> None:
    """Raises `DataError` where training labels ``(num,)`` are none or all equal."""
    if len(labels) == 0 or bool((labels == labels[0]).all()):
        value = f"{labels[0].item():g}" if len(labels) else "missing"
        raise DataError(f"{name}: all training labels are {value} {which}: nothing to learn")


def choose_split(
    name: str, found: RegressionSet, split: int | None, seed: int, holdout: float
) -> dict[str, Samples]:
    """Returns train, val and test samples of one split, in float32 and label units.

    Raises:
        ConfigError: If the set has no split of that number.
        DataError: If a part would be empty.
    """
    count = len(found.splits)
    if split is not None and split >= count:
        raise ConfigError(f"data.split={split}: {name} has splits 0 to {count - 1}")
    roles = found.splits[seed % count if split is None else split].clone()
    if not (roles == VAL).any():
        train = (roles == TRAIN).nonzero()[:, 0]
        order = torch.randperm(len(train), generator=keyed_generator(HOLDOUT_SEED))
        roles[train[order[: max(round(holdout * len(train)), 1)]]] = VAL
    parts = {}
    for part, role in (("train", TRAIN), ("val", VAL), ("test", TEST)):
        rows = roles == role
        if not rows.any():
            raise DataError(f"{name}: no samples left for {part!r}")
        inputs = found.inputs[rows]
        inputs = inputs.float() if inputs.is_floating_point() else inputs
        parts[part] = Samples(inputs, found.targets[rows].float())
    return parts


def thin(train: Samples, num: int | None, imbalance: float) -> Samples:
    """Returns fewer training samples, the same for every seed; see `RegressionConfig`.

    Raises:
        ConfigError: If ``num`` are not there.
    """
    y, generator = train.targets.double(), keyed_generator(HOLDOUT_SEED, 1)
    place = (y - y.min()) / (y.max() - y.min()).clamp(min=1e-30)
    drawn = torch.rand(len(y), generator=generator, dtype=torch.float64)
    rows = (drawn < imbalance**-place).nonzero()[:, 0]
    if num is not None:
        if num > len(rows):
            raise ConfigError(f"data.num_train={num}: there are {len(rows)} training samples")
        rows = rows[torch.randperm(len(rows), generator=generator)[:num]].sort().values
    return Samples(train.inputs[rows], train.targets[rows])


class InputScale(NamedTuple):
    """Mean and deviation of each table column or series channel."""

    mean: Tensor
    std: Tensor

    def apply(self, inputs: Tensor) -> Tensor:
        """Returns standardised inputs; a constant column becomes 0."""
        return (inputs - self.mean) / self.std


def measure_scale(inputs: Tensor) -> InputScale | None:
    """Returns the scale of table columns, or of channels of series and volumes; None of images.

    Measured in float64. A column is constant where it varies in rounding only.
    """
    if inputs.ndim == 4:
        return None
    wide, axes = inputs.double(), [axis for axis in range(inputs.ndim) if axis != 1]
    mean = wide.mean(axes, keepdim=True)
    std = (wide - mean).square().mean(axes, keepdim=True).sqrt()
    std = torch.where(std > 1e-6 * (1e-6 + mean.abs()), std, torch.inf)
    return InputScale(mean[0].float(), std[0].float())


def fingerprint_samples(found: RegressionSet) -> str:
    """Returns 16 hex digits over all samples and all splits."""
    digest = hashlib.sha256()
    for array in (found.inputs, found.targets, found.splits):
        array = array.double() if array.is_floating_point() else array
        digest.update(f"{array.dtype} {tuple(array.shape)}".encode())
        digest.update(array.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
