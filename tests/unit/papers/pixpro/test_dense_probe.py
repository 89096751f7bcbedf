import pytest
import torch
from torch import nn

from common.config.recipe import load_recipe
from common.data.images.config import ImageConfig
from common.data.images.evaluation import DenseImages, EvaluatedImages
from common.data.images.sets import Split
from common.errors import DataError
from common.evaluation.features import ImageInputs
from common.evaluation.run_protocols import run_protocols
from common.runs.run import prepare_run
from papers.pixpro.config import DenseProbeConfig
from papers.pixpro.dense_probe import (
    cell_classes,
    channel_scale,
    confusion,
    evaluate_dense_probe,
    fit_cells,
    metrics,
)
from tests.recipes import evaluation

SETTINGS = DenseProbeConfig(epochs=15, batch_size=8, lr=0.1)


class Colours(nn.Module):
    """Its map is the mean colour of each 4 x 4 cell."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    @property
    def backbone(self):
        return self

    def feature_map(self, images):
        return nn.functional.avg_pool2d(images, 4) * self.scale


def painted(num, seed, rows=3, columns=4, classes=3):
    """Returns images of 4 x 4 blocks, each class of another colour, with their maps."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, classes, (num, rows, columns), generator=generator)
    maps = blocks.repeat_interleave(4, 1).repeat_interleave(4, 2)
    colour = torch.eye(3)[maps].movedim(3, 1)
    noise = torch.rand(num, 3, 4 * rows, 4 * columns, generator=generator)
    images = (0.6 * colour + 0.4 * noise).mul(255).to(torch.uint8)
    return Split(images, torch.full((num,), -1), label_maps=maps)


def make_inputs(train, test, module=None, **options):
    config = ImageConfig(**options)
    labelled = [EvaluatedImages(split, config) for split in (train, test)]
    dense = DenseImages(train, config), DenseImages(test, config)
    return ImageInputs(module or Colours(), *labelled, dense)


def test_a_map_that_shows_the_classes_is_read_and_one_that_does_not_is_not():
    inputs = make_inputs(painted(20, 1), painted(12, 2))
    found = evaluate_dense_probe(inputs, SETTINGS, 0)
    # Scores are enlarged bilinearly: the rims of blocks may go to a neighbour.
    assert found["dense_miou"] > 80 and found["dense_accuracy"] > 88
    blind = make_inputs(painted(20, 1), painted(12, 2))
    nn.init.zeros_(blind.module.scale)
    assert evaluate_dense_probe(blind, SETTINGS, 0)["dense_accuracy"] < 45


def test_pixels_without_class_count_neither_in_training_nor_in_the_test():
    train, test = painted(20, 1), painted(12, 2)
    train.label_maps[:, :, :8], test.label_maps[:, :, :8] = 2, 2
    wrong = evaluate_dense_probe(make_inputs(train, test), SETTINGS, 0)
    train.label_maps[:, :, :8], test.label_maps[:, :, :8] = -1, -1
    right = evaluate_dense_probe(make_inputs(train, test), SETTINGS, 0)
    assert right["dense_miou"] > 80 > 60 > wrong["dense_miou"]


def test_cells_count_the_pixels_of_each_class():
    maps = torch.tensor([[[0, 0, 1, 2], [0, 1, 1, -1]]])
    found = cell_classes(maps, 3, (1, 2))
    assert found.tolist() == [[[[3, 0]], [[1, 2]], [[0, 1]]]]
    # Five columns in two cells: three and two.
    uneven = cell_classes(torch.zeros(1, 1, 5, dtype=torch.int64), 1, (1, 2))
    assert uneven.tolist() == [[[[3, 2]]]]


def test_the_convolution_starts_at_zero_and_its_step_is_cross_entropys():
    x = torch.randn(1, 2, 1, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[[[3.0, 0.0, 1.0]], [[1.0, 4.0, 3.0]]]])
    settings = DenseProbeConfig(epochs=1, batch_size=1, lr=0.5)
    weight, bias = fit_cells(x, targets, settings, torch.Generator())
    # Equal scores: the gradient is (1/2 - share) of each class; Adam's first step is its sign.
    slope = torch.einsum("kn,cn->kc", 0.5 * targets.sum(1)[:, 0] - targets[0, :, 0], x[0, :, 0])
    torch.testing.assert_close(weight, -0.5 * slope.sign(), atol=1e-4, rtol=0)
    torch.testing.assert_close(bias, torch.tensor([-0.5, 0.5]), atol=1e-4, rtol=0)


def test_confusion_by_hand():
    scores = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    labels = torch.tensor([[[0, 0, 0, 1], [1, 1, -1, 1]]])
    assert confusion(scores, labels).tolist() == [[2, 1], [2, 2]]


def test_metrics_by_hand():
    # Class 0: 6 right of 6 + 2 wrongly given; class 1: 2 right, 2 missed; class 2 does not occur.
    found = metrics(torch.tensor([[6, 0, 0], [2, 2, 0], [0, 0, 0]]))
    assert found["dense_miou"] == pytest.approx(100 * (6 / 8 + 2 / 4) / 2)
    assert found["dense_object_miou"] == pytest.approx(100 * 2 / 4)
    assert found["dense_accuracy"] == pytest.approx(80)


def test_a_constant_channel_stays_zero():
    x = torch.rand(4, 2, 3, 3)
    x[:, 1] = 7
    mean, factor = channel_scale(x)
    scaled = (x - mean) * factor
    assert torch.equal(scaled[:, 1], torch.zeros(4, 3, 3))
    assert float(scaled[:, 0].std(correction=0)) == pytest.approx(1, rel=1e-4)


def test_it_depends_on_its_seed_alone_and_leaves_module_and_random_state():
    inputs = make_inputs(painted(20, 1), painted(12, 2), Colours().train())
    random = torch.get_rng_state()
    first = run_protocols(
        ["dense-probe"], inputs, evaluation("pixpro", dense_probe=SETTINGS), 1, ""
    )
    assert inputs.module.training and torch.equal(random, torch.get_rng_state())
    torch.rand(3)
    assert evaluate_dense_probe(inputs, SETTINGS, 1) == first
    assert evaluate_dense_probe(inputs, SETTINGS, 2) != first


def test_images_without_maps_or_in_another_form_are_refused_before_training():
    plain = Split(torch.zeros(4, 3, 8, 8), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(DataError, match="no classes of pixels"):
        evaluate_dense_probe(make_inputs(plain, plain), SETTINGS, 0)
    with pytest.raises(DataError, match="test_crop"):
        evaluate_dense_probe(make_inputs(painted(4, 1), painted(4, 2), test_crop=8), SETTINGS, 0)
    words = ["data.name=scattered-digits", "data.holdout=0.1"]
    with pytest.raises(DataError, match="scattered-digits"):
        prepare_run(load_recipe("pixpro/quick", words))
