"""Views in two places: ``data.pipeline=hybrid``.

Workers decode, cut and resize, each picture by itself, to 8 bits as Pillow does; colours, blur and
noise are made on the whole batch, on its device. The parameters are those of the other pipelines.
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from common.data.pictures.batch import CutBatch, PictureBatch, Pictures, ViewBatch
from common.data.pictures.config import PictureConfig, ViewConfig
from common.data.pictures.lazy import picture_sizes
from common.data.pictures.parameters import ViewParameters
from common.data.pictures.per_sample import cut
from common.data.pictures.views import change_views, normalise, own_parameters
from common.data.sampler import BatchKey


class Cuts(Dataset[CutBatch]):
    """Cuts the views of a batch where the data are read."""

    def __init__(self, batches: Dataset[PictureBatch], config: PictureConfig, seed: int) -> None:
        self.batches, self.config, self.seed = batches, config, seed

    def __getitem__(self, key: BatchKey) -> CutBatch:
        """Returns the cuts of the pictures at ``key.rows``."""
        batch = self.batches[key]
        cuts, crops = [], []
        for entry, view in enumerate(self.config.views):
            drawn = own_parameters(view, entry, key, batch.pictures, self.seed)
            cuts.append(cut_views(batch.pictures, view, drawn))
            crops.append(drawn.crops)
        return CutBatch(cuts, batch.labels, key, crops, picture_sizes(batch.pictures))


def cut_views(pictures: Pictures, view: ViewConfig, parameters: ViewParameters) -> Tensor:
    """Returns (count * batch, channels, size, size) uint8, view-major."""
    made = [
        cut(pictures[row % len(pictures)], view, crop) for row, crop in enumerate(parameters.crops)
    ]
    return torch.stack([_to_bytes(x) for x in made])


def _to_bytes(x: Tensor) -> Tensor:
    return x if x.dtype == torch.uint8 else x.mul(255).round_().to(torch.uint8)


def finish_views(batch: CutBatch, config: PictureConfig, seed: int) -> ViewBatch:
    """Makes the views of ``batch`` on the device it is on."""
    views: list[Tensor] = []
    crops: list[Tensor] = []
    for entry, view in enumerate(config.views):
        cuts, num = batch.cuts[entry], len(batch.labels)
        # Of these, what depends on a picture's size is in the batch already.
        drawn = own_parameters(view, entry, batch.key, cuts[:num], seed)
        made = change_views(cuts, view, drawn)
        views.extend(normalise(made, config.mean, config.std).chunk(view.count))
        crops.extend(batch.crops[entry].chunk(view.count))
    return ViewBatch(views, batch.labels, batch.key, crops, batch.sizes)
