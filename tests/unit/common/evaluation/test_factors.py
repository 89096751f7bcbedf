"""Protocol `factors`: each part of the embedding is asked for each factor of the label."""

from types import SimpleNamespace

import pytest
import torch

from common.errors import ConfigError
from common.evaluation.factors import evaluate_factors, split_label
from common.evaluation.image_config import FactorsConfig
from common.evaluation.vectors import FeatureSet

SETTINGS = FactorsConfig(names=["shape", "colour"], sizes=[3, 2], from_label=6, epochs=30)


def inputs(module=None) -> SimpleNamespace:
    """Returns features that are the shape and the colour, and rows below the first label."""
    labels = torch.arange(360) % 12
    shape, colour = split_label(labels % 6, [3, 2])
    x = torch.cat([torch.nn.functional.one_hot(shape, 3), colour[:, None]], 1).float()
    x[labels < 6] = 9.0  # would spoil every probe
    return SimpleNamespace(module=module, features=FeatureSet(x, labels, x, labels))


def test_a_label_holds_its_factors_with_the_last_one_fastest():
    found = split_label(torch.tensor([0, 1, 2, 5]), [3, 2])
    assert found.tolist() == [[0, 0, 1, 2], [0, 1, 0, 1]]


def test_each_part_is_asked_for_each_factor_without_rows_below_the_first_label():
    module = SimpleNamespace(parts={"first": slice(0, 3), "rest": slice(3, 4)})
    found = evaluate_factors(inputs(module), SETTINGS, 0)
    right = {name for name, value in found.items() if value == 100}
    assert right == {"shape_top1", "colour_top1", "first_shape_top1", "rest_colour_top1"}
    assert found.keys() - right == {"first_colour_top1", "rest_shape_top1"}
    assert set(evaluate_factors(inputs(), SETTINGS, 0)) == {"shape_top1", "colour_top1"}


@pytest.mark.parametrize("settings", [{}, {"names": ["a"], "sizes": [2, 3]}])
def test_factors_without_sizes_are_refused(settings):
    with pytest.raises(ConfigError, match="sizes"):
        FactorsConfig(**settings).check(None)


@pytest.mark.parametrize("largest", [3, 12])
def test_labels_that_are_no_combination_are_refused(largest):
    part = SimpleNamespace(labels=torch.tensor([0, largest]))
    with pytest.raises(ConfigError, match=f"largest here is {largest}"):
        SETTINGS.check_inputs(SimpleNamespace(train=part, test=part))
