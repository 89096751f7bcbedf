import json

import pytest
import torch

from common.data.series.config import SeriesConfig
from common.data.series.module import SeriesData
from common.data.series.synthetic import make, shape_of

DATED = {
    "kind": "long",
    "columns": ["HUFL", "OT"],
    "parts": [[0, 600], [600, 800], [800, 1000]],
    "dates": {"first": "2016-07-01T00:00:00", "minutes": 60.0},
    "informative": False,
    "clean": False,
}
LABELLED = {
    "kind": "labelled",
    "steps": 29,
    "shortest": 7,
    "channels": 12,
    "classes": {"train": [30, 20, 5], "test": [3, 10, 20]},
}
CONFIGS = {
    "long": SeriesConfig(name="etth1", length=50, window=20, batch_size=4),
    "labelled": SeriesConfig(name="japanese-vowels", batch_size=4),
}


def loaded(shape, rows=None, seed=0, config=None):
    config = config or CONFIGS[shape["kind"]]
    data = SeriesData(config, seed=0, read=lambda config: make(shape, rows, seed))
    data.load()
    return data


@pytest.mark.parametrize("shape", [DATED, LABELLED], ids=["long", "labelled"])
def test_what_is_made_has_the_form_again(shape):
    assert json.loads(json.dumps(shape_of(loaded(shape)))) == shape


def test_a_generated_series_is_replaced_by_one_of_its_form():
    config = SeriesConfig(name="seasons-quiet", num_steps=900, length=50, window=20, batch_size=4)
    real = SeriesData(config, seed=0)
    made = loaded(shape_of(real), config=config)
    assert shape_of(made) == shape_of(real)
    assert made.facts == real.facts
    assert 0 < made.long.informative.double().mean() < 1


@pytest.mark.parametrize("shape", [DATED, LABELLED], ids=["long", "labelled"])
def test_content_is_a_function_of_the_seed(shape):
    first, again, other = (loaded(shape, seed=seed).fingerprint for seed in (0, 0, 1))
    assert first == again != other


def test_few_rows_keep_the_proportions():
    assert loaded(DATED, rows=300).long.parts == {
        "train": (0, 300),
        "val": (300, 400),
        "test": (400, 500),
    }
    few = loaded(LABELLED, rows=10).labelled
    assert {part: y.bincount().tolist() for part, y in few.y.items()} == {
        "train": [5, 3, 2],
        "test": [2, 3, 6],
    }


def test_classes_are_found_often_and_not_always():
    shape = LABELLED | {"shortest": 29, "classes": {"train": [20] * 5, "test": [40] * 5}}
    found = make(shape)
    x, y = {part: x.flatten(1) for part, x in found.x.items()}, found.y
    means = torch.stack([x["train"][y["train"] == label].mean(0) for label in range(5)])
    share = float((torch.cdist(x["test"], means).argmin(1) == y["test"]).double().mean())
    assert 0.3 < share <= 1
