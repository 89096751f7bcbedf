"""Photographs a second and core, from JPEG files to two augmented views of 224 pixels.

    python -m benchmarks.photographs
    python -m benchmarks.photographs --peer-path DIR     # lightly and timm, installed in DIR
    python -m benchmarks.photographs --workers 0,1,2 --clock wall

Decoding, SwAV's crops, flip, jitter, grey, blur and normalisation, by the CPU's clock. Ours reads a
folder of files or tar shards. Torchvision's transforms work on one Pillow image at a time, as in
the official code; so do lightly's and timm's.
"""

import sys
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from benchmarks.timing import interleave, parse, parser, report, timed
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.module import ImageData

MEAN, STD = [0.485, 0.456, 0.406], [0.228, 0.224, 0.225]
SIZE, HEIGHT, WIDTH, BATCH = 224, 375, 500, 16


def write_photographs(folder: Path, num: int) -> None:
    """Writes smooth coloured noise of ImageNet's usual size, as files and as a tar shard."""
    generator = np.random.default_rng(0)
    (folder / "shards").mkdir()
    for split, count in (("train", num), ("test", 1)):
        files = folder / "files" / split / "one"
        files.mkdir(parents=True)
        with tarfile.open(folder / "shards" / f"{split}-0.tar", "w") as tar:
            for number in range(count):
                coarse = generator.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
                path = files / f"{number}.jpg"
                Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(path)
                tar.add(path, f"{number}.jpg")


def ours(path: Path, pipeline: str, workers: int) -> Callable[[], None]:
    """Goes over the set once, with the views made by ``data.pipeline=pipeline``."""
    view = ViewConfig(count=2, size=SIZE, jitter=0.8, grey=0.2, blur=0.5)
    config = ImageConfig(
        name="image-folder",
        path=str(path),
        batch_size=BATCH,
        workers=workers,
        pipeline=pipeline,
        holdout=0.0,
        mean=MEAN,
        std=STD,
        views=[view],
    )
    data = ImageData(config, 0)
    data.load()
    assert len(data.set["train"]) % BATCH == 0  # a rest would be left out here and not there
    loader = data.train_dataloader()
    return lambda: go_over(data.on_after_batch_transfer(batch, 0) for batch in loader)


def go_over(batches: Iterable[Any]) -> None:
    """Takes each batch and does nothing with it."""
    for _ in batches:
        pass


class TwoViews:
    """Gives two views of one image."""

    def __init__(self, transform: Callable[[Image.Image], Any]) -> None:
        self.transform = transform

    def __call__(self, image: Image.Image) -> list[Any]:
        """Applies the transform twice."""
        return [self.transform(image) for _ in range(2)]


def singly(path: Path, views: Callable[[Image.Image], Any], workers: int) -> Callable[[], None]:
    """Goes over the folder once by torch's loader and an object that transforms one image."""
    loader = DataLoader(ImageFolder(path, views), BATCH, shuffle=True, num_workers=workers)
    return lambda: go_over(loader)


def torchvision_views() -> TwoViews:
    jitter = v2.ColorJitter(0.8, 0.8, 0.8, 0.2)
    steps = [
        v2.RandomResizedCrop(SIZE, scale=(0.08, 1.0)),
        v2.RandomHorizontalFlip(),
        v2.RandomApply([jitter], p=0.8),
        v2.RandomGrayscale(0.2),
        v2.RandomApply([v2.GaussianBlur(23, (0.1, 2.0))], p=0.5),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]
    return TwoViews(v2.Compose(steps))


def peers(path: Path, workers: int) -> dict[str, Callable[[], None]]:
    """Returns lightly's views of SimCLR and timm's views of the same operations."""
    from lightly.transforms import SimCLRTransform
    from timm.data import create_transform

    timm_views = create_transform(
        SIZE,
        is_training=True,
        color_jitter=(0.8, 0.8, 0.8, 0.2),
        color_jitter_prob=0.8,
        grayscale_prob=0.2,
        gaussian_blur_prob=0.5,
    )
    return {
        "lightly": singly(path, SimCLRTransform(SIZE), workers),
        "timm": singly(path, TwoViews(timm_views), workers),
    }


def measure(given: Any, workers: int) -> None:
    with TemporaryDirectory() as name:
        write_photographs(Path(name), given.images)
        files, shards = Path(name, "files"), Path(name, "shards")
        makers = {
            "torchvision, one by one": singly(files / "train", torchvision_views(), workers),
            "ours, folder, hybrid": ours(files, "hybrid", workers),
            "ours, folder, batched": ours(files, "batched", workers),
            "ours, tar, hybrid": ours(shards, "hybrid", workers),
        }
        makers["torchvision, one by one, again"] = makers["torchvision, one by one"]
        if given.peer_path:
            makers |= peers(files / "train", workers)
        runs = {name: timed(make, 1, given.clock) for name, make in makers.items()}
        timings = interleave(runs, given.rounds)
    print(f"-- {given.images} images, {workers} workers")
    report(timings, "torchvision, one by one")
    for timing in timings.values():
        print(f"{timing.name:28s} {given.images / timing.median:9.1f} images/s")


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=64)
    options.add_argument("--workers", default="0", help="numbers of processes that read")
    options.add_argument("--peer-path", help="a folder that lightly and timm are installed in")
    options.set_defaults(threads=1, clock="cpu", rounds=5)
    given = parse(options)
    if given.peer_path:
        sys.path.append(given.peer_path)
    for workers in map(int, given.workers.split(",")):
        measure(given, workers)
