"""What a module's `training_step` receives, and the one view that is made of each image."""

from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor

from common.data.images.config import ViewConfig
from common.data.images.draws import draw, fit_parameters
from common.data.images.resample import crop_and_resize
from common.data.images.sets import to_float
from common.data.images.views import normalise
from common.data.sampler import BatchKey, lone_key
from common.data.targets.open_world.config import OpenWorldConfig
from common.distributed.device import on_device
from common.distributed.draws import keyed_generator
from common.errors import DataError, outline


class OpenWorldBatch(NamedTuple):
    """This process's rows, labelled ones first.

    ``images``: (batch, channels, height, width), uint8 as stored or floating; ``labels``:
    (labelled,); ``places``: (unlabelled,) number of each among all unlabelled training images.
    """

    images: Tensor
    labels: Tensor
    places: Tensor
    # Where each row stood in the process's share, before labelled rows were put first.
    order: Tensor
    key: BatchKey

    @property
    def num_labelled(self) -> int:
        """Number of labelled rows."""
        return len(self.labels)


def as_open_world_batch(batch: object, module: LightningModule) -> OpenWorldBatch:
    """Returns an `OpenWorldBatch` as it is, and makes one of ``(images, labels, places)``.

    Args:
        batch: ``images`` (batch, channels, height, width), floating; ``labels`` (batch,), -1 where
            the class is not told; ``places`` (batch,): of an unlabelled image, its number among all
            unlabelled training images.
        module: Whose epoch a batch of three tensors is of.

    Raises:
        DataError: It is neither.
    """
    if isinstance(batch, OpenWorldBatch):
        return batch
    if not isinstance(batch, list | tuple) or [getattr(x, "ndim", 0) for x in batch] != [4, 1, 1]:
        raise DataError(
            f"{outline(batch)}: training_step takes (images, labels, places): images "
            "(batch, channels, height, width), labels or -1, places"
        )
    images, labels, places = batch
    order = (labels < 0).to(torch.uint8).argsort(stable=True)  # labelled rows first
    num = int((labels >= 0).sum())
    images, labels, places = images[order], labels[order][:num], places[order][num:]
    key = lone_key(len(images))._replace(epoch=module.current_epoch)
    return OpenWorldBatch(images, labels, places, order, key)


def make_view(batch: OpenWorldBatch, config: OpenWorldConfig, seed: int) -> OpenWorldBatch:
    """Mirrors, crops and recolours; a function of (seed, epoch, position in the global batch)."""
    x, key = to_float(batch.images), batch.key
    own = key.offset + batch.order
    generator = keyed_generator(seed, key.epoch, key.batch)
    chosen = torch.rand(3, key.global_size, generator=generator)[:, own]
    mirrored = chosen[0] < config.flip
    if config.crop:
        x = _cropped(x, config, key.global_size, own, mirrored, chosen[1], generator)
    else:
        x = torch.where(on_device(mirrored, x.device)[:, None, None, None], x.flip(3), x)
    if config.recolour:
        drawn = torch.rand(2, key.global_size, generator=generator)[:, own] * 2 - 1
        drawn = drawn * (chosen[2] < config.recolour)
        gain = on_device(1 + config.contrast * drawn[0], x.device)[:, None, None, None]
        shift = on_device(config.brightness * drawn[1], x.device)[:, None, None, None]
        x = (x * gain + shift).clamp(0, 1)
    return batch._replace(images=normalise(x, config.mean, config.std))


def _cropped(
    x: Tensor,
    config: OpenWorldConfig,
    global_size: int,
    own: Tensor,
    mirrored: Tensor,
    chosen: Tensor,
    generator: torch.Generator,
) -> Tensor:
    height, width = x.shape[2:]
    view = ViewConfig(size=height, area=list(config.crop_area), flip=0.0)
    drawn = draw(view, global_size, x.shape[1], generator).rows(own)
    sizes = torch.tensor([[height, width]]).expand(len(own), 2)
    crops = fit_parameters(view, drawn, sizes).crops
    whole = torch.tensor([0, 0, height, width, 0, 0]).to(crops)
    crops = torch.where((chosen < config.crop)[:, None], crops, whole)
    crops[:, 4] = mirrored.to(crops)
    return crop_and_resize(x, on_device(crops, x.device), height)
