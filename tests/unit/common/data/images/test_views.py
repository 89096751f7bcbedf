import math

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from common.data.images.batch import ImageBatch
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.views import affine_crop, make_view_batch, make_views, normalise
from common.data.sampler import BatchKey
from common.distributed.draws import keyed_generator
from tests.views import draw_parameters


def crop(top, left, height, width, flip=0.0, angle=0.0):
    return torch.tensor([[top, left, height, width, flip, angle]], dtype=torch.float64)


def test_whole_image_is_unchanged_and_mirrored():
    x = torch.rand(1, 3, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(affine_crop(x, crop(0, 0, 9, 9), 9), x)
    torch.testing.assert_close(affine_crop(x, crop(0, 0, 9, 9, flip=1), 9), x.flip(3))


def test_turn_by_a_right_angle():
    x = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    turned = affine_crop(x, crop(0, 0, 8, 8, angle=math.pi / 2), 8)
    torch.testing.assert_close(turned, torch.rot90(x, 1, (2, 3)))


def test_crop_of_the_same_size_is_a_slice_and_outside_is_zero():
    x = torch.rand(1, 1, 9, 12, dtype=torch.float64) + 1
    torch.testing.assert_close(affine_crop(x, crop(2, 3, 5, 5), 5), x[:, :, 2:7, 3:8])
    turned = affine_crop(x, crop(0, 0, 9, 9, angle=math.pi / 4), 9)
    assert turned[0, 0, 0, 0] == 0 and turned[0, 0, 4, 4] > 0.5


def test_inner_pixels_equal_torchvision_without_antialias():
    x = torch.rand(1, 3, 20, 20, dtype=torch.float64)
    ours = affine_crop(x, crop(3, 2, 10, 12), 16)
    theirs = F.resized_crop(x, 3, 2, 10, 12, [16, 16], antialias=False)
    # At its border torchvision repeats the crop's last pixel; sampling sees the one beyond.
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], theirs[..., 1:-1, 1:-1])


def test_views_are_view_major():
    x = torch.rand(2, 1, 6, 6)
    crops = torch.cat([crop(0, 0, 6, 6), crop(0, 0, 6, 6, flip=1)]).float()
    views = affine_crop(x, crops.repeat_interleave(2, 0), 6)
    torch.testing.assert_close(views, torch.cat([x, x.flip(3)]))


def test_contrast_shift_and_noise():
    x = torch.rand(1, 1, 6, 6)
    view = ViewConfig(
        size=6,
        area=[1.0, 1.0],
        ratio=[1.0, 1.0],
        flip=0.0,
        contrast_scale=[0.5, 2.0],
        contrast_pivot=0.2,
        brightness_shift=0.2,
        noise=0.3,
    )
    drawn = draw_parameters(view, 1, (1, 6, 6), keyed_generator(0))
    scale, shift, noise = drawn.contrast_scale, drawn.brightness_shift, drawn.noise
    assert shift != 0 and scale != 1
    expected = (x - 0.2) * scale + 0.2 + shift + noise
    torch.testing.assert_close(make_views(x, view, drawn), expected)


def test_normalise_equals_torchvision():
    x = torch.rand(2, 3, 4, 4)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
    torch.testing.assert_close(normalise(x, mean, std), F.normalize(x, mean, std))
    assert normalise(x, [], []) is x


def test_views_do_not_depend_on_the_number_of_threads():
    x = torch.rand(130, 3, 32, 32)
    view = ViewConfig(count=2, size=18, jitter=0.8, grey=0.2, blur=0.5)
    drawn = draw_parameters(view, 130, (3, 32, 32), keyed_generator(0))
    before, made = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        made.append(make_views(x, view, drawn))
    torch.set_num_threads(before)
    assert torch.equal(made[0], made[1]) and torch.equal(made[0], made[2])


def test_the_draws_of_a_key_never_change():
    # Stored numbers: records of earlier runs hold only while the same key gives the same views.
    images = torch.arange(4 * 20 * 20, dtype=torch.float64).view(4, 1, 20, 20) / 1600
    views = [
        ViewConfig(count=2, size=20, area=[0.4, 1.0], noise=0.08),
        ViewConfig(count=1, size=12, area=[0.15, 0.5]),
    ]
    key = BatchKey(torch.arange(4), epoch=3, batch=5, offset=2, global_size=8)
    batch = ImageBatch(images, torch.zeros(4), key)
    made = make_view_batch(batch, ImageConfig(views=views), seed=7)
    assert [crops[:, :5].int().tolist() for crops in made.crops] == [
        [[3, 6, 16, 12, 0], [1, 0, 19, 16, 0], [3, 4, 17, 14, 1], [0, 0, 18, 20, 1]],
        [[1, 5, 15, 14, 1], [5, 0, 15, 20, 0], [5, 1, 15, 12, 0], [0, 4, 15, 15, 1]],
        [[4, 7, 9, 8, 0], [2, 0, 9, 7, 0], [8, 2, 10, 9, 0], [0, 6, 12, 12, 0]],
    ]
    sums = [float(view.double().sum()) for view in made.views]
    assert sums == pytest.approx([814.7726334325525, 807.3076955663922, 276.39], abs=1e-9)
