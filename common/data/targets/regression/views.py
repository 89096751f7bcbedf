"""Views of samples, made on the batch; each draw is a sample's own."""

from typing import NamedTuple

import torch
from torch import Tensor

from common.data.images.batch import ImageBatch
from common.data.images.config import ImageConfig
from common.data.images.sets import to_float
from common.data.images.views import make_view_batch, normalise
from common.data.sampler import BatchKey, lone_key
from common.data.targets.regression.config import RegressionConfig
from common.distributed.draws import keyed_generator
from common.errors import DataError, outline
from common.evaluation.regression_inputs import Samples


class RegressionBatch(NamedTuple):
    """``inputs``: (views, batch, ...), before views are made (batch, ...); ``targets``: (batch,).

    Targets are in label units.
    """

    inputs: Tensor
    targets: Tensor
    key: BatchKey


def as_regression_batch(batch: object) -> RegressionBatch:
    """Returns a `RegressionBatch` as it is, and makes one of ``(inputs, targets)``.

    Args:
        batch: ``inputs`` is one tensor (batch, ...), or a list of such, one a view.

    Raises:
        DataError: It is neither.
    """
    if isinstance(batch, RegressionBatch):
        return batch
    inputs, targets = batch if isinstance(batch, list | tuple) and len(batch) == 2 else ([], None)
    views = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    if not views or not isinstance(targets, Tensor) or not isinstance(views[0], Tensor):
        raise DataError(
            f"{outline(batch)}: training_step takes (inputs, targets): a tensor "
            "(batch, ...) or a list of views, and numbers (batch,)"
        )
    return RegressionBatch(torch.stack(views), targets, lone_key(len(targets)))


def change_inputs(
    batch: RegressionBatch, config: RegressionConfig, pool: Samples, seed: int
) -> RegressionBatch:
    """Returns the batch with ``config.num_views`` views of each sample.

    With ``config.views`` they are those of the image papers; else the order is swap, shift,
    noise. Draws are those of the whole global batch, keyed by (seed, epoch, batch), of which this
    process takes its rows.

    Args:
        batch: As stored.
        config: What is drawn, and how much of it.
        pool: The training samples, whose inputs are swapped in.
        seed: The run's.
    """
    if config.views:
        plain = ImageBatch(batch.inputs, batch.targets, batch.key)
        asked = ImageConfig(views=config.views, mean=config.mean, std=config.std)
        return batch._replace(inputs=torch.stack(make_view_batch(plain, asked, seed).views))
    key = batch.key
    generator = keyed_generator(seed, key.epoch, key.batch)
    mine = slice(key.offset, key.offset + len(key.rows))
    x = prepared(batch.inputs, config).expand(config.num_views, *batch.inputs.shape)
    whole = (config.num_views, key.global_size, *batch.inputs.shape[1:])
    if config.swap:
        swapped = torch.rand(whole, generator=generator)[:, mine] < config.swap
        others = torch.randint(len(pool.inputs), whole, generator=generator)[:, mine]
        donors = pool.inputs.flatten(1)
        values = donors.gather(0, others.flatten(2).flatten(0, 1)).view(others.shape)
        x = torch.where(swapped.to(x.device), prepared(values, config).to(x.device), x)
    if config.shift:
        x = _shift(x, config.shift, whole, mine, generator)
    if config.noise:
        drawn = torch.randn(whole, generator=generator)[:, mine]
        x = x + config.noise * drawn.to(x)
    return batch._replace(inputs=x)


def prepared(inputs: Tensor, config: RegressionConfig) -> Tensor:
    """Returns inputs as a module takes them: images in floats, normalised."""
    return normalise(to_float(inputs), config.mean, config.std)


def _shift(
    x: Tensor, most: int, whole: tuple[int, ...], mine: slice, generator: torch.Generator
) -> Tensor:
    """Shifts each view cyclically by its own whole number of steps along each axis of its grid."""
    for axis in range(3, x.ndim):
        steps = torch.randint(-most, most + 1, whole[:2], generator=generator)[:, mine]
        size = x.shape[axis]
        places = (torch.arange(size) - steps[..., None]) % size
        shape = [*places.shape[:2], *[1] * (x.ndim - 2)]
        shape[axis] = size
        x = x.gather(axis, places.view(shape).expand(x.shape).to(x.device))
    return x
