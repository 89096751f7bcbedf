"""Two pipelines, one result: on the batch, and half and half; torchvision, one by one, is asked."""

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from common.data.images.batch import ImageBatch
from common.data.images.colour import ORDERS, SOLARISE_THRESHOLD
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.module import ImageData
from common.data.images.per_sample import Cuts, finish_views, make_views_singly
from common.data.images.resample import blur_radius
from common.data.images.views import collect_views, make_view_batch, own_parameters
from common.data.sampler import BatchKey

# As SwAV's official script has them: 224 and 96 pixels, and the code's own deviation, 0.228.
COLOUR = {"jitter": 0.8, "grey": 0.2, "blur": 0.5}
MEAN, STD = [0.485, 0.456, 0.406], [0.228, 0.224, 0.225]
OFFICIAL = [
    ViewConfig(count=2, size=224, area=[0.14, 1.0], **COLOUR),
    ViewConfig(count=6, size=96, area=[0.05, 0.14], **COLOUR),
]
# More resolutions, and all that other papers add.
MORE = [
    ViewConfig(count=1, size=64, solarise=0.5, **COLOUR),
    ViewConfig(count=2, size=40, area=[0.2, 0.6], flip=0.0, **COLOUR),
    ViewConfig(count=1, size=17, antialias=False, contrast_scale=[0.6, 1.4], noise=0.1, **COLOUR),
]
SEED = 5


def make(views, num, height, width):
    """Returns a configuration, and bytes of coloured blocks with some noise on them."""
    generator = torch.Generator().manual_seed(1)
    blocks = torch.rand(num, 3, 5, 6, generator=generator)
    noise = torch.rand(num, 3, height, width, generator=generator)
    x = 0.7 * F.resize(blocks, [height, width], F.InterpolationMode.NEAREST) + 0.3 * noise
    key = BatchKey(torch.arange(num), epoch=2, batch=7, offset=0, global_size=num)
    batch = ImageBatch(x.mul(255).to(torch.uint8), torch.arange(num), key)
    return ImageConfig(views=views, mean=MEAN, std=STD), batch


def assert_alike(ours, theirs, atol):
    """A pixel at the very threshold of solarising may fall on either side: 1/255 apart."""
    assert [view.shape for view in ours] == [view.shape for view in theirs]
    for one, other in zip(ours, theirs, strict=True):
        difference = (one - other).abs()
        assert (difference > atol).double().mean() < 1e-5
        assert difference.max() < max(atol, 1 / 255 / min(STD))


@pytest.mark.parametrize(("views", "num"), [(OFFICIAL, 3), (MORE, 24)])
def test_torchvision_one_by_one_makes_the_same_views_of_every_resolution(views, num):
    config, batch = make(views, num, 250, 280)
    ours = make_view_batch(batch, config, SEED)
    theirs = collect_views(batch, config, SEED, make_views_singly)
    assert_alike(ours.views, theirs.views, atol=2e-4)
    assert len(ours.views) == sum(view.count for view in views)
    assert all(map(torch.equal, ours.crops, theirs.crops))


def test_cuts_made_where_images_are_read_differ_by_the_rounding_to_bytes_alone():
    config, batch = make([ViewConfig(count=2, size=48), ViewConfig(count=3, size=20)], 8, 60, 70)
    cut = Cuts({batch.key: batch}, config, SEED)[batch.key]
    hybrid, whole = finish_views(cut, config, SEED), make_view_batch(batch, config, SEED)
    # Pillow, whose bytes these are, rounds after each axis: a level at most, half of one usually.
    assert_alike(hybrid.views, whole.views, atol=1.5 / 255 / min(STD))
    means = [
        (one - other).abs().mean() for one, other in zip(hybrid.views, whole.views, strict=True)
    ]
    assert max(means) < 0.5 / 255 / min(STD)
    assert all(map(torch.equal, hybrid.crops, whole.crops))


def by_hand(image, view, drawn, row):
    """One view by torchvision's functions, in the order in which the official code applies them."""
    top, left, tall, wide, flip, _ = drawn.crops[row].tolist()
    box = [int(top), int(left), int(tall), int(wide)]
    x = F.resized_crop(F.to_dtype(image, torch.float32, scale=True), *box, [view.size] * 2)
    x = F.horizontal_flip(x) if flip else x
    if drawn.jitter[row]:
        adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for number in ORDERS[drawn.order[row]].tolist():
            x = adjust[number](x, drawn.factors[row, number].item())
    x = F.rgb_to_grayscale(x, num_output_channels=3) if drawn.grey[row] else x
    if drawn.blur[row]:
        kernel = 2 * blur_radius(view.sigma[1], view.size) + 1
        x = F.gaussian_blur(x, [kernel, kernel], [drawn.sigma[row].item()] * 2)
    x = F.solarize(x, SOLARISE_THRESHOLD) if drawn.solarise[row] else x
    return F.normalize(x, MEAN, STD)


def test_the_order_of_operations_is_the_official_one():
    view = ViewConfig(count=2, size=40, solarise=0.5, **COLOUR)
    config, batch = make([view], 16, 60, 70)
    drawn = own_parameters(view, 0, batch.key, batch.images, SEED)
    switches = (drawn.jitter, drawn.grey, drawn.blur, drawn.solarise, drawn.crops[:, 4] > 0)
    assert all(0 < switch.sum() < 32 for switch in switches), "each is on for some, off for some"
    ours = torch.cat(make_view_batch(batch, config, SEED).views)
    theirs = [by_hand(batch.images[row % 16], view, drawn, row) for row in range(32)]
    assert_alike(list(ours), theirs, atol=2e-4)


ALL = ViewConfig(
    count=2, size=16, solarise=0.5, contrast_scale=[0.5, 2.0], brightness_shift=0.1, noise=0.1,
    **COLOUR,
)  # fmt: skip
ROTATED = ViewConfig(count=1, size=12, rotation=0.3)


@pytest.mark.parametrize("hybrid", [False, True])
def test_nothing_on_the_way_asks_the_device_for_a_value(hybrid):
    """A tensor on "meta" has no values: whoever looks for one (and would wait for a GPU) fails."""
    config, batch = make([ALL, ROTATED], 8, 20, 24)
    cut = Cuts({batch.key: batch}, config, SEED)[batch.key]
    data, meta = ImageData(config, SEED), torch.device("meta")
    sent = data.transfer_batch_to_device(cut if hybrid else batch, meta, 0)
    made = data.on_after_batch_transfer(sent, 0)
    assert [tuple(view.shape) for view in made.views] == [(8, 3, 16, 16)] * 2 + [(8, 3, 12, 12)]
    assert {part.device.type for part in (*made.views, *made.crops, made.labels)} == {"meta"}


@pytest.mark.gpu
@pytest.mark.parametrize("hybrid", [False, True])
def test_a_gpu_makes_the_same_views_and_nobody_waits(hybrid):
    config, batch = make([ALL, ROTATED], 8, 20, 24)
    cut = Cuts({batch.key: batch}, config, SEED)[batch.key]
    data, batch = ImageData(config, SEED), cut if hybrid else batch
    made = data.on_after_batch_transfer(batch, 0)
    for mode in ("default", "error"):  # the first round fills caches
        sent = data.transfer_batch_to_device(batch, torch.device("cuda"), 0)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode(mode)
        try:
            there = data.on_after_batch_transfer(sent, 0)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert_alike([view.cpu() for view in there.views], made.views, atol=5e-4)


@pytest.mark.parametrize("pipeline", ["batched", "hybrid"])
def test_all_tensors_of_a_batch_go_to_the_device(pipeline):
    config = ImageConfig(batch_size=16, pipeline=pipeline, views=[ViewConfig(count=2, size=12)])
    data = ImageData(config, SEED)
    data.load()
    batch = next(iter(data.train_dataloader()))
    moved = data.transfer_batch_to_device(batch, torch.device("meta"), 0)
    found = [part for entry in moved for part in (entry if isinstance(entry, list) else [entry])]
    tensors = [part for part in found if isinstance(part, torch.Tensor)]
    assert len(tensors) >= 2 and {tensor.device.type for tensor in tensors} == {"meta"}
    assert moved.key is batch.key
