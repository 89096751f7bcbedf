"""Which cell of another view shows the same place: retrieval between two views of one image."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.errors import DataError
from common.evaluation.features import ImageInputs, PairedViews
from common.evaluation.scores import keep
from papers.pixpro.config import CorrespondenceConfig
from papers.pixpro.geometry import cell_distances, crop_coordinates

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
CORRESPONDENCE_STREAM = 2**45


def evaluate_correspondence(
    inputs: ImageInputs, settings: CorrespondenceConfig, seed: int
) -> dict[str, float]:
    """How often the most similar cell of the other view shows the same place, in per cent.

    Each tested image is seen in two views drawn as the recipe draws them. Of every cell of the
    first that has a corresponding one in the second, the nearest by cosine is taken:
    ``correspondence_top1``; ``correspondence_chance`` is that of a blind guess. No labels. It is
    the notion of correspondence that PixPro trains on: an in-domain metric, not a transfer.

    Args:
        inputs: The module and the images.
        settings: `CorrespondenceConfig`.
        seed: Seed of the views.

    Raises:
        DataError: No two views share a place, or views are turned.
    """
    if inputs.module is None:
        return {}
    _, test = inputs.dense_pair
    found = torch.zeros(3, dtype=torch.float64)
    for draw in range(settings.draws):
        for batch in test.pairs((seed, CORRESPONDENCE_STREAM + draw), inputs.device):
            maps = [inputs.embed_map(view) for view in batch.views]
            found += retrieval(maps, places(batch), settings.threshold).cpu()
    right, chance, cells = found.tolist()
    if not cells:
        raise DataError("data.views: no two views share a place; widen their area")
    return {
        "correspondence_top1": 100 * right / cells,
        "correspondence_chance": 100 * chance / cells,
    }


def places(batch: PairedViews) -> list[Tensor]:
    """Returns the coordinates of each view, ``(batch, 4)``; raises `DataError` if one is turned."""
    if any(bool(crops[:, 5].any()) for crops in batch.crops):
        raise DataError("data.views: views are turned; set their rotation to 0")
    return [crop_coordinates(crops[:, :4], batch.sizes, crops[:, 4]) for crops in batch.crops]


def retrieval(maps: list[Tensor], coordinates: list[Tensor], threshold: float) -> Tensor:
    """Returns (3,): right cells, those a blind guess would find, and cells that can be found.

    Args:
        maps: Two of (batch, channels, rows, columns).
        coordinates: Coordinates of each view (batch, 4).
        threshold: Cells correspond below this distance, see `cell_distances`.
    """
    first, second = (F.normalize(x, dim=1).flatten(2) for x in maps)
    sizes = [(x.shape[2], x.shape[3]) for x in maps]
    distances = cell_distances(coordinates[0], coordinates[1], *sizes)
    cosines = first.transpose(1, 2) @ second
    keep("correspondence distances", distances)
    keep("correspondence cosines", cosines)
    positive, nearest = distances < threshold, cosines.argmax(2, keepdim=True)
    right = positive.gather(2, nearest).sum()
    chance = positive.double().mean(2).sum()
    return torch.stack([right.double(), chance, positive.any(2).sum().double()])
