import math

import torch

from common.data.images.config import ViewConfig
from common.distributed.draws import keyed_generator
from tests.views import draw_parameters


def crops_of(view, num=4000, shape=(1, 20, 30), seed=0):
    return draw_parameters(view, num, shape, keyed_generator(seed)).crops


def test_boxes_stay_inside_and_keep_area_and_ratio():
    top, left, tall, wide = crops_of(ViewConfig(area=[0.2, 0.6])).unbind(1)[:4]
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + tall <= 20).all() and (left + wide <= 30).all()
    # Whole pixels move the area and the ratio by half a pixel a side.
    assert (((tall + 0.5) * (wide + 0.5)) / 600 > 0.2).all()
    assert (((tall - 0.5) * (wide - 0.5)) / 600 < 0.6).all()
    assert ((wide - 0.5) / (tall + 0.5) < 4 / 3).all()


def test_boxes_are_distributed_as_torchvision_draws_them():
    from torchvision.transforms import RandomResizedCrop

    view = ViewConfig(area=[0.08, 1.0])
    ours = crops_of(view, 3000)[:, :4]
    image = torch.zeros(1, 20, 30)
    torch.manual_seed(0)
    theirs = torch.tensor(
        [RandomResizedCrop.get_params(image, view.area, view.ratio) for _ in range(3000)]
    ).float()
    # Standard errors of the means are about 0.1 pixel; ten attempts give both the same bias.
    assert torch.allclose(ours.mean(0), theirs.mean(0), atol=0.4)
    assert torch.allclose(ours.std(0), theirs.std(0), atol=0.4)


def test_central_crop_when_no_attempt_fits():
    view = ViewConfig(area=[1.0, 1.0], ratio=[3 / 4, 4 / 3])
    crops = crops_of(view, 50, (1, 10, 40))
    assert crops[:, :4].unique(dim=0).tolist() == [[0, 13, 10, 13]]


def test_probabilities_and_ranges():
    view = ViewConfig(
        flip=0.3, rotation=0.2, contrast_scale=[0.5, 2.0], brightness_shift=0.1, noise=0.3
    )
    drawn = draw_parameters(view, 3000, (2, 8, 8), keyed_generator(1))
    flip, angle = drawn.crops[:, 4], drawn.crops[:, 5]
    assert abs(flip.mean() - 0.3) < 0.03
    assert angle.abs().max() <= 0.2 < angle.abs().max() + 0.01
    assert 0.5 <= drawn.contrast_scale.min() < 0.51 and 1.99 < drawn.contrast_scale.max() <= 2
    assert drawn.brightness_shift.abs().max() <= 0.1
    assert drawn.noise.shape == (3000, 2, 32, 32)
    assert math.isclose(drawn.noise.std(), 0.3, rel_tol=0.01)


def test_switching_one_operation_off_leaves_the_other_draws():
    full = draw_parameters(ViewConfig(rotation=0.2, noise=0.1), 8, (1, 9, 9), keyed_generator(3))
    less = draw_parameters(ViewConfig(flip=0.0), 8, (1, 9, 9), keyed_generator(3))
    assert torch.equal(full.crops[:, :4], less.crops[:, :4])
    assert not less.crops[:, 4:].any() and less.noise is None
    assert torch.equal(full.factors, less.factors) and torch.equal(full.order, less.order)
