"""Every batched operation against torchvision's, image by image on the same parameters."""

import colorsys

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from common.data.images import colour
from common.data.images.batch import ImageBatch
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.per_sample import make_views_singly
from common.data.images.resample import blur, blur_radius, crop_and_resize
from common.data.images.views import make_view_batch, make_views
from common.data.sampler import BatchKey
from common.distributed.draws import keyed_generator
from tests.views import draw_parameters

FULL = ViewConfig(count=2, jitter=0.8, grey=0.2, blur=0.5, solarise=0.2)


def images(num=24, channels=3, height=32, width=32, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(num, channels, height, width, generator=generator, dtype=dtype)
    # Grey and saturated pixels are where hue and clamping have their branches.
    x[0] = x[0, :1]
    x[1] = x[1].round()
    return x


def singly(x, function, *parameters):
    rows = zip(x, *(p.tolist() for p in parameters), strict=True)
    return torch.stack([function(*row) for row in rows])


@pytest.mark.parametrize("size", [18, 32, 40])
@pytest.mark.parametrize("antialias", [True, False])
def test_crop_resize_and_flip(size, antialias):
    x = images(60, height=30, width=36)
    crops = draw_parameters(ViewConfig(), 60, (3, 30, 36), keyed_generator(1)).crops
    crops[0, :4] = torch.tensor([0, 0, 30, 36])
    crops[1, :4] = torch.tensor([29, 35, 1, 1])

    def one(image, crop):
        top, left, tall, wide, flip = map(int, crop[:5])
        made = F.resized_crop(image, top, left, tall, wide, [size, size], antialias=antialias)
        return F.horizontal_flip(made) if flip else made

    ours = crop_and_resize(x, crops, size, antialias)
    torch.testing.assert_close(ours, singly(x, one, crops), rtol=0, atol=1e-7)


def test_hue():
    x, shift = images(height=6, width=6), torch.linspace(-0.5, 0.5, 24, dtype=torch.float64)
    ours = colour.shift_hue(x, shift)
    # torchvision computes hue in float32 whatever it is given; the standard library in float64.
    torch.testing.assert_close(ours, singly(x, F.adjust_hue, shift), rtol=0, atol=5e-6)

    def exact(image, turn):
        pixels = [colorsys.rgb_to_hsv(*pixel) for pixel in image.flatten(1).T.tolist()]
        turned = [colorsys.hsv_to_rgb((h + turn) % 1, s, v) for h, s, v in pixels]
        return torch.tensor(turned, dtype=torch.float64).T.reshape(image.shape)

    torch.testing.assert_close(ours, singly(x, exact, shift), rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_jitter_in_every_order(channels):
    x = images(channels=channels)
    factors = torch.rand(24, 4, dtype=torch.float64, generator=keyed_generator(2)) * 1.6 + 0.2
    factors[:, 3] = factors[:, 3] / 4 - 0.2
    order = torch.arange(24)
    adjust = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]

    def one(image, factor, number):
        for operation in colour.ORDERS[number].tolist():
            image = adjust[operation](image, factor[operation])
        return image

    before = x.clone()
    ours = colour.jitter(x, factors, order)
    assert torch.equal(x, before)
    atol = 1e-12 if channels == 1 else 1e-5  # torchvision's hue is float32
    torch.testing.assert_close(ours, singly(x, one, factors, order), rtol=0, atol=atol)


def test_grey_and_solarise():
    x = images()
    expected = F.rgb_to_grayscale(x, num_output_channels=3)
    torch.testing.assert_close(colour.to_grey(x), expected, rtol=0, atol=1e-12)
    assert torch.equal(colour.solarise(x), F.solarize(x, colour.SOLARISE_THRESHOLD))


@pytest.mark.parametrize(("height", "width", "radius"), [(32, 32, 8), (9, 14, 8), (18, 18, 2)])
def test_blur(height, width, radius):
    x = images(height=height, width=width)
    sigma = torch.linspace(0.1, 2.0, 24, dtype=torch.float64)
    kernel = [2 * radius + 1] * 2
    expected = singly(x, lambda image, s: F.gaussian_blur(image, kernel, [s, s]), sigma)
    torch.testing.assert_close(blur(x, sigma, radius), expected, rtol=0, atol=1e-12)


def test_blur_radius_covers_four_deviations_within_the_image():
    assert blur_radius(2.0, 32) == 8 and blur_radius(2.0, 6) == 5


@pytest.mark.parametrize("channels", [1, 3])
def test_full_augmentation_in_float32(channels):
    x = images(40, channels, dtype=torch.float32)
    drawn = draw_parameters(FULL, 40, (channels, 32, 32), keyed_generator(3))
    expected = make_views_singly(x, FULL, drawn)
    torch.testing.assert_close(make_views(x, FULL, drawn), expected, rtol=0, atol=2e-5)


def test_shares_and_ranges_of_the_draws():
    drawn = draw_parameters(FULL, 4000, (3, 32, 32), keyed_generator(4))
    for name, share in (("jitter", 0.8), ("grey", 0.2), ("blur", 0.5), ("solarise", 0.2)):
        assert abs(getattr(drawn, name).float().mean() - share) < 0.03
    assert drawn.order.unique().tolist() == list(range(24))
    low, high = drawn.factors.amin(0), drawn.factors.amax(0)
    assert torch.allclose(low, torch.tensor([0.2, 0.2, 0.2, -0.2]), atol=1e-2)
    assert torch.allclose(high, torch.tensor([1.8, 1.8, 1.8, 0.2]), atol=1e-2)
    assert 0.1 <= drawn.sigma.min() and drawn.sigma.max() <= 2.0


def test_antialiasing_matters_where_crops_shrink_and_only_there():
    x = images(60)
    for size, largest in ((32, 0.0), (18, 0.4)):
        crops = draw_parameters(ViewConfig(), 60, (3, 32, 32), keyed_generator(5)).crops
        pair = [crop_and_resize(x, crops, size, antialias) for antialias in (True, False)]
        difference = (pair[0] - pair[1]).abs().max()
        assert difference <= 1e-12 if largest == 0 else difference > largest / 2


@pytest.mark.parametrize("num_processes", [2, 8])
def test_processes_make_exactly_the_rows_of_one(num_processes):
    config = ImageConfig(views=[FULL, ViewConfig(count=3, size=18, jitter=0.8, blur=0.5)])
    x, labels = images(128, dtype=torch.float32), torch.arange(128)
    key = BatchKey(torch.arange(128), 2, 5, 0, 128)
    whole = make_view_batch(ImageBatch(x, labels, key), config, seed=1)
    share = 128 // num_processes
    for rank in range(num_processes):
        own = slice(rank * share, (rank + 1) * share)
        key = BatchKey(torch.arange(0), 2, 5, own.start, 128)
        part = make_view_batch(ImageBatch(x[own], labels[own], key), config, seed=1)
        for ours, all_rows in zip(part.views, whole.views, strict=True):
            assert torch.equal(ours, all_rows[own])
        for ours, all_rows in zip(part.crops, whole.crops, strict=True):
            assert torch.equal(ours, all_rows[own])
