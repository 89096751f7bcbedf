import json

import torch

from common.data.targets.open_world.config import OpenWorldConfig
from common.data.targets.open_world.module import OpenWorldData
from common.data.targets.open_world.samples import LABELLED, UNLABELLED
from common.data.targets.open_world.synthetic import make, shape_of

SHAPE = {
    "size": 16,
    "num_known": 2,
    "counts": {
        "train": {"1": [30, 20, 0, 0], "2": [10, 10, 30, 30]},
        "test": {"1": [10, 10, 0, 0], "2": [0, 0, 10, 10]},
    },
}
CONFIG = OpenWorldConfig(batch_size=8, crop=1.0, recolour=1.0)


def loaded(shape, rows=None, seed=0):
    data = OpenWorldData(CONFIG, seed=0, read=lambda config: make(shape, rows, seed))
    data.load()
    return data


def test_what_is_made_has_the_form_again():
    assert json.loads(json.dumps(shape_of(loaded(SHAPE)))) == SHAPE


def test_content_is_a_function_of_the_seed():
    first, again, other = (loaded(SHAPE, seed=seed).fingerprint for seed in (0, 0, 1))
    assert first == again != other


def test_few_rows_hold_every_class_and_tag():
    train = loaded(SHAPE, rows=8).train_part
    assert train.labels[train.tags == LABELLED].bincount().tolist() == [2, 2]
    assert train.labels[train.tags == UNLABELLED].bincount().tolist() == [2, 2, 2, 2]


def test_views_are_made_in_float64():
    data = loaded(SHAPE)
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert batch.images.dtype == torch.float64
    assert len(batch.labels) == 4
