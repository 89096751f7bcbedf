"""Views a second and core: ours on batches against torchvision's objects on single images.

    python -m benchmarks.views

Runs both in turn on one thread, by the CPU's clock. Views are 32 x 32 with SwAV's augmentation:
crop, flip, jitter, grey, blur, normalise.
"""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from benchmarks.timing import interleave, parse, parser, report, timed
from common.data.images.batch import ImageBatch
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.views import make_view_batch
from common.data.sampler import BatchKey

MEAN, STD = [0.485, 0.456, 0.406], [0.228, 0.224, 0.225]
NUM_VIEWS = 512


def batched(images: torch.Tensor) -> Callable[[], object]:
    """Ours: two views of each image of a batch."""
    view = ViewConfig(count=2, jitter=0.8, grey=0.2, blur=0.5)
    config = ImageConfig(views=[view], mean=MEAN, std=STD)
    num = NUM_VIEWS // 2
    key = BatchKey(torch.arange(num), 0, 0, 0, num)
    batch = ImageBatch(images[:num], torch.zeros(num), key)
    return lambda: make_view_batch(batch, config, seed=0)


def objects(images: torch.Tensor, on_pillow: bool) -> Callable[[], object]:
    """Torchvision's transform objects on Pillow images, as the official code, or tensors."""
    to_tensor = [v2.PILToTensor()] if on_pillow else []
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(32, scale=(0.08, 1.0)),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.GaussianBlur(17, (0.1, 2.0))], p=0.5),
            *to_tensor,
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    single = list(images)
    if on_pillow:
        single = [Image.fromarray(np.asarray(p.permute(1, 2, 0))) for p in images]
    return lambda: torch.stack([transform(image) for image in single[:NUM_VIEWS]])


def measure(rounds: int) -> None:
    images = torch.randint(0, 256, (NUM_VIEWS, 3, 32, 32), dtype=torch.uint8)
    makers = {
        "ours, batched": batched(images),
        "torchvision objects, Pillow": objects(images, on_pillow=True),
        "torchvision objects, tensors": objects(images, on_pillow=False),
    }
    timings = interleave({name: timed(make, 1, "cpu") for name, make in makers.items()}, rounds)
    report(timings, "ours, batched")
    for timing in timings.values():
        print(f"{timing.name:28s} {NUM_VIEWS / timing.median:9.0f} views/s")


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.set_defaults(threads=1, clock="cpu", rounds=9)
    measure(parse(options).rounds)
