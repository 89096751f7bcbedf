import json

import pytest
import torch

from common.data.images.config import ImageConfig
from common.data.images.module import ImageData
from common.data.images.synthetic import make, shape_of

SHAPE = {
    "channels": 3,
    "height": 12,
    "width": 10,
    "num_classes": 5,
    "num_names": 5,
    "splits": {
        "train": {"rows": 60, "labelled": 40},
        "val": {"rows": 10, "labelled": 10},
        "test": {"rows": 20, "labelled": 20},
    },
    "map_classes": 4,
    "map_ignored": True,
    "instance_maps": True,
    "most_boxes": 3,
    "box_classes": 2,
}
# A set whose images a recipe reads from files.
CONFIG = ImageConfig(name="imagenet", batch_size=4)


def loaded(shape, rows=None, seed=0, config=CONFIG):
    data = ImageData(config, seed=0, read=lambda root: make(shape, rows, seed))
    data.load()
    return data


@pytest.mark.parametrize("name", ["digit-scenes", "scattered-digits"])
def test_a_set_is_replaced_by_one_of_its_form(name):
    config = ImageConfig(name=name, batch_size=4)
    real = ImageData(config, seed=0)
    shape = json.loads(json.dumps(shape_of(real)))
    made = loaded(shape, config=config)
    assert shape_of(made) == shape
    assert made.facts == real.facts


def test_everything_that_a_set_can_hold_is_there_again():
    assert shape_of(loaded(SHAPE)) == SHAPE


def test_few_rows_hold_every_class():
    data = loaded(SHAPE, rows=3)
    assert len(data.set["train"]) == 10
    for part in data.set.values():
        assert part.labels[part.labels >= 0].unique().tolist() == [0, 1, 2, 3, 4]
        assert part.label_maps.unique().tolist() == [-1, 0, 1, 2, 3]


def test_content_is_a_function_of_the_seed():
    first, again, other = (loaded(SHAPE, seed=seed).fingerprint for seed in (0, 0, 1))
    assert first == again != other


def test_views_are_made_in_float64():
    data = loaded(SHAPE)
    batch = next(iter(data.train_dataloader()))
    made = data.on_after_batch_transfer(batch, 0)
    assert {view.dtype for view in made.views} == {torch.float64}
    assert bool(torch.stack([view.min() for view in made.views]).ge(0).all())


def test_classes_are_found_often_and_not_always():
    part = make(SHAPE | {"splits": {"train": {"rows": 500, "labelled": 500}}})["train"]
    x = part.images.flatten(1)
    means = torch.stack([x[:250][part.labels[:250] == label].mean(0) for label in range(5)])
    found = torch.cdist(x[250:], means).argmin(1)
    share = float((found == part.labels[250:]).double().mean())
    assert 0.35 < share < 0.98
