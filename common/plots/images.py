"""What every image paper has to show: views, nearest neighbours, a map of the embeddings."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.images.batch import ImageBatch
from common.data.images.lazy import AnySplit, read_images
from common.data.images.loading import CentreCrop, image_batches
from common.data.images.module import ImageData
from common.data.images.per_sample import make_views_singly
from common.data.images.sets import to_float
from common.data.images.views import collect_views, normalise
from common.data.sampler import BatchKey
from common.distributed.draws import keyed_generator
from common.plots.embedding_map import embedding_map
from common.plots.grid import fit, image_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH = 256
VIEW_ROWS, MOST_VIEWS = 6, 10
QUERIES, NEIGHBOURS = 10, 8
SAMPLE_SEED = 0
TRAIN_SAMPLE, TEST_SAMPLE = 1000, 600


class Sample:
    """Some images of one split, read and embedded once; large sets are never read whole.

    Args:
        module: With ``embed``.
        data: The image data module.
        split: ``train`` or ``test``; without test images, training ones.
        size: The most images to take.
    """

    def __init__(self, module: Any, data: ImageData, split: str, size: int) -> None:
        self.module, self.data = module, data
        self.name = split if split in data.set else "train"
        self.split: AnySplit = data.set[self.name]
        generator = keyed_generator(SAMPLE_SEED)
        # Shuffled: sets lie by class, or with the classes in turn.
        self.rows = torch.randperm(len(self.split), generator=generator)[:size]
        self.labels = self.split.labels[self.rows]

    @cached_property
    def h(self) -> Tensor:
        """The representations, ``(num, dim)``."""
        return self.map(self.module.embed)

    @torch.no_grad()
    def map(self, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Returns ``function`` of the images, normalised and on the module's device, in rows."""
        device = next(self.module.parameters()).device
        config = self.data.config
        form = CentreCrop(config.test_resize, config.test_crop)
        results = []
        for images, _ in image_batches(self.split, BATCH, form, order=self.rows):
            x = normalise(to_float(images.to(device)), config.mean, config.std)
            results.append(function(x).float().cpu())
        return torch.cat(results)

    def images(self, places: Tensor) -> Tensor:
        """Returns the images at ``places`` of the sample as cells of a grid."""
        return fit(read_images(self.split, self.rows[places]))

    def class_name(self, label: int) -> str:
        """Returns what ``label`` stands for, or the number; nothing for an unlabelled image."""
        names = self.split.class_names
        return "" if label < 0 else names[label] if label < len(names) else str(label)


def draw(module: nn.Module, data: ImageData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots of an image paper, by name."""
    train = Sample(module, data, "train", TRAIN_SAMPLE)
    test = Sample(module, data, "test", TEST_SAMPLE)
    return {
        "views": lambda: draw_views(data),
        "neighbours": lambda: draw_neighbours(test, train),
        "embedding_map": lambda: draw_map(test),
    }


def draw_views(data: ImageData) -> "Figure":
    """Draws a row for each of some training images: the image and its views."""
    split, config = data.set["train"], data.config
    order = torch.randperm(len(split), generator=keyed_generator(SAMPLE_SEED))
    rows = order[:VIEW_ROWS]
    images = read_images(split, rows)
    views = make_views(images, split.labels[rows], rows, data)[:MOST_VIEWS]
    cells = torch.stack([fit(images), *(fit(view) for view in views)], 1)
    sizes = [entry.size for entry in config.views for _ in range(entry.count)]
    labels = [f"view {i}\n{size} px" for i, size in enumerate(sizes[:MOST_VIEWS], 1)]
    title = f"{config.name}: training images and the views made of them"
    return image_grid(cells, title, ["image", *labels])


def make_views(images: Any, labels: Tensor, rows: Tensor, data: ImageData) -> list[Tensor]:
    """Returns the views of the first batch of training if it held ``rows``, in 0..1."""
    config = data.config
    batch = ImageBatch(images, labels, BatchKey(rows, 0, 0, 0, len(rows)))
    views = collect_views(batch, config, data.seed, make_views_singly).views
    if not config.mean:
        return views
    mean, std = (torch.tensor(part).reshape(-1, 1, 1) for part in (config.mean, config.std))
    return [view * std + mean for view in views]


def draw_neighbours(test: Sample, train: Sample) -> "Figure":
    """Draws a row for each query: the image and its nearest training images."""
    queries = first_of_each_class(test.labels, QUERIES)
    similarity = F.normalize(test.h[queries], dim=1) @ F.normalize(train.h, dim=1).T
    count = min(NEIGHBOURS, len(train.rows))
    nearest = similarity.topk(count, dim=1).indices  # (queries, count)
    found = train.images(nearest.flatten()).unflatten(0, nearest.shape)
    cells = torch.cat([test.images(queries).unsqueeze(1), found], 1)
    labels, asked = train.labels[nearest], test.labels[queries]
    same = (labels == asked.unsqueeze(1)).int()
    same[(labels < 0) | (asked < 0).unsqueeze(1)] = -1
    title = f"The nearest of {len(train.rows):,} training images by cosine similarity"
    if (same >= 0).any():
        share = 100 * (same == 1).sum() / (same >= 0).sum()
        title += f"; framed solid: the query's class ({share:.0f} %), dashed: another"
    frames = torch.cat([torch.full((len(queries), 1), -1), same], 1)
    names = [test.class_name(int(label)) for label in asked]
    return image_grid(cells, title, ["query", *map(str, range(1, count + 1))], names, frames)


def first_of_each_class(labels: Tensor, count: int) -> Tensor:
    """Returns ``count`` places, of as many classes as there are, in the order of the classes."""
    seen: dict[int, int] = {}
    turn = torch.empty(len(labels), dtype=torch.int64)
    for place, label in enumerate(labels.tolist()):
        turn[place] = seen[label] = seen.get(label, -1) + 1
    chosen = turn.argsort(stable=True)[:count]
    return chosen[labels[chosen].argsort(stable=True)]


def draw_map(test: Sample) -> "Figure":
    """Draws the embeddings of the sample as points, coloured by class."""
    title = f"Embeddings of {len(test.rows):,} {test.name} images (PCA, t-SNE)"
    return embedding_map(test.h, test.labels, test.split.class_names, title)
