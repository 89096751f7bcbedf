"""Images for people: rows and columns with labels, views, and what an encoder finds alike."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as TF
from torchvision.utils import make_grid

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
from common.plots.style import OTHER, SAME, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BATCH = 256
VIEW_ROWS, MOST_VIEWS = 6, 10
QUERIES, NEIGHBOURS = 10, 8
SAMPLE_SEED = 0
TRAIN_SAMPLE, TEST_SAMPLE = 1000, 600
CELL = 64
GAP = 8
INCHES = 0.72


def central_squares(images: Tensor | Sequence[Tensor]) -> Tensor:
    """Returns the central squares of images of any size, ``(num, 3, CELL, CELL)`` in 0..1."""
    return torch.stack([_central_square(image) for image in images])


def _central_square(image: Tensor) -> Tensor:
    x = to_float(image.cpu()).clamp(0, 1)
    # Other counts of channels have no colours of their own.
    x = x if len(x) in (1, 3) else x.mean(0, keepdim=True)
    # Pixels to be seen as such are doubled at least; 48 of them in 64 would be uneven.
    tiny = 2 * min(x.shape[1:]) <= CELL
    mode = InterpolationMode.NEAREST if tiny else InterpolationMode.BILINEAR
    x = TF.center_crop(TF.resize(x, [CELL], mode, antialias=not tiny), [CELL, CELL])
    return x.clamp(0, 1).expand(3, CELL, CELL)


def image_grid(
    cells: Tensor,
    title: str,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    same: Tensor | None = None,
) -> "Figure":
    """Returns a figure of images with a label over each column and beside each row.

    Args:
        cells: ``(rows, columns, 3, CELL, CELL)``, as `central_squares` returns them.
        title: Over all.
        columns: A label each.
        rows: A label each; none at all if empty.
        same: ``(rows, columns)``, 1 for the frame that means "alike", 0 for "different", -1 for
            no frame.
    """
    height, width = cells.shape[:2]
    left = 0.12 * max((len(label) for label in rows), default=0)
    size = (width * INCHES + left + 0.3, height * INCHES + 0.9)
    figure, axes = new_figure(*size, title)
    grid = make_grid(cells.flatten(0, 1), nrow=width, padding=GAP, pad_value=1.0)
    axes.imshow(grid.permute(1, 2, 0).numpy(), interpolation="nearest")
    centres = [GAP + CELL / 2 + index * (CELL + GAP) for index in range(max(height, width))]
    axes.set_xticks(centres[:width], columns, fontsize=8)
    axes.set_yticks(centres[: len(rows)], rows, fontsize=8)
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    if same is not None:
        _frame(axes, same)
    return figure


def _frame(axes: "Axes", same: Tensor) -> None:
    from matplotlib.patches import Rectangle

    for row, column in (same >= 0).nonzero().tolist():
        alike = bool(same[row, column])
        corner = (GAP - 2 + column * (CELL + GAP), GAP - 2 + row * (CELL + GAP))
        axes.add_patch(
            Rectangle(
                corner,
                CELL + 3,
                CELL + 3,
                fill=False,
                linewidth=2,
                edgecolor=SAME if alike else OTHER,
                # Told apart without colours, too.
                linestyle="solid" if alike else (0, (2, 1)),
            )
        )


class EmbeddedImages:
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
        return central_squares(read_images(self.split, self.rows[places]))

    def class_name(self, label: int) -> str:
        """Returns what ``label`` stands for, or the number; nothing for an unlabelled image."""
        names = self.split.class_names
        return "" if label < 0 else names[label] if label < len(names) else str(label)


def draw_images(module: nn.Module, data: ImageData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots of an image paper, by name."""
    train = EmbeddedImages(module, data, "train", TRAIN_SAMPLE)
    test = EmbeddedImages(module, data, "test", TEST_SAMPLE)
    return {
        "views": lambda: views_plot(data),
        "neighbours": lambda: neighbours_plot(test, train),
        "embedding_map": lambda: map_plot(test),
    }


def views_plot(data: ImageData) -> "Figure":
    """Draws a row for each of some training images: the image and its views."""
    split, config = data.set["train"], data.config
    order = torch.randperm(len(split), generator=keyed_generator(SAMPLE_SEED))
    rows = order[:VIEW_ROWS]
    images = read_images(split, rows)
    views = views_of(images, split.labels[rows], rows, data)[:MOST_VIEWS]
    cells = torch.stack([central_squares(images), *(central_squares(view) for view in views)], 1)
    sizes = [entry.size for entry in config.views for _ in range(entry.count)]
    labels = [f"view {i}\n{size} px" for i, size in enumerate(sizes[:MOST_VIEWS], 1)]
    title = f"{config.name}: training images and the views made of them"
    return image_grid(cells, title, ["image", *labels])


def views_of(images: Any, labels: Tensor, rows: Tensor, data: ImageData) -> list[Tensor]:
    """Returns the views of the first batch of training if it held ``rows``, in 0..1."""
    config = data.config
    batch = ImageBatch(images, labels, BatchKey(rows, 0, 0, 0, len(rows)))
    views = collect_views(batch, config, data.seed, make_views_singly).views
    if not config.mean:
        return views
    mean, std = (torch.tensor(part).reshape(-1, 1, 1) for part in (config.mean, config.std))
    return [view * std + mean for view in views]


def neighbours_plot(test: EmbeddedImages, train: EmbeddedImages) -> "Figure":
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


def map_plot(test: EmbeddedImages) -> "Figure":
    """Draws the embeddings of the sample as points, coloured by class."""
    title = f"Embeddings of {len(test.rows):,} {test.name} images (PCA, t-SNE)"
    return embedding_map(test.h, test.labels, test.split.class_names, title)
