"""Views in two places: ``data.pipeline=hybrid``.

Workers decode, cut and resize, each image by itself, to 8 bits as Pillow does; colours, blur and
noise are made on the whole batch, on its device. The parameters are those of the batched pipeline.
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from common.data.images.batch import CutBatch, ImageBatch, Images, ViewBatch
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.draws import ViewParameters
from common.data.images.lazy import image_sizes
from common.data.images.per_sample import cut
from common.data.images.views import change_views, normalise, own_parameters
from common.data.sampler import BatchKey


class Cuts(Dataset[CutBatch]):
    """Cuts the views of a batch where the data are read."""

    def __init__(self, batches: Dataset[ImageBatch], config: ImageConfig, seed: int) -> None:
        self.batches, self.config, self.seed = batches, config, seed

    def __getitem__(self, key: BatchKey) -> CutBatch:
        """Returns the cuts of the images at ``key.rows``."""
        batch = self.batches[key]
        cuts, crops = [], []
        for entry, view in enumerate(self.config.views):
            drawn = own_parameters(view, entry, key, batch.images, self.seed)
            cuts.append(cut_views(batch.images, view, drawn))
            crops.append(drawn.crops)
        return CutBatch(cuts, batch.labels, key, crops, image_sizes(batch.images))


def cut_views(images: Images, view: ViewConfig, parameters: ViewParameters) -> Tensor:
    """Returns (count * batch, channels, size, size) uint8, view-major."""
    made = [cut(images[row % len(images)], view, crop) for row, crop in enumerate(parameters.crops)]
    return torch.stack([_to_bytes(x) for x in made])


def _to_bytes(x: Tensor) -> Tensor:
    return x if x.dtype == torch.uint8 else x.mul(255).round_().to(torch.uint8)


def finish_views(batch: CutBatch, config: ImageConfig, seed: int) -> ViewBatch:
    """Makes the views of ``batch`` on the device it is on."""
    views: list[Tensor] = []
    crops: list[Tensor] = []
    for entry, view in enumerate(config.views):
        cuts, num = batch.cuts[entry], len(batch.labels)
        # What depends on an image's size is in the batch already.
        drawn = own_parameters(view, entry, batch.key, cuts[:num], seed)
        made = change_views(cuts, view, drawn)
        views.extend(normalise(made, config.mean, config.std).chunk(view.count))
        crops.extend(batch.crops[entry].chunk(view.count))
    return ViewBatch(views, batch.labels, batch.key, crops, batch.sizes)
