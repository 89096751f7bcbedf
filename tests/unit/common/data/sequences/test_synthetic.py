import json

import numpy as np
import pytest

from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.data.sequences.synthetic import make, shape_of

SHAPE = {"users": 40, "items": 30, "actions": 600, "shortest": 5, "core": 1}


def loaded(shape, rows=None, seed=0, **values):
    config = SequenceConfig(**{"name": "beauty", "batch_size": 8} | values)
    data = SequenceData(config, seed=0, read=lambda config: make(shape, rows, seed))
    data.load()
    return data


@pytest.mark.parametrize("core", [None, 5])
def test_what_is_made_has_the_form_again(core):
    shape = SHAPE | {"core": core or 1}
    data = loaded(shape, core=core)
    assert json.loads(json.dumps(shape_of(data))) == shape
    assert np.bincount(data.sequences.items, minlength=31)[1:].min() >= (core or 1)


def test_a_generated_set_is_replaced_by_one_of_its_form():
    config = {"name": "sessions", "num_users": 100}
    real = SequenceData(SequenceConfig(batch_size=8, **config), seed=0)
    made = loaded(shape_of(real), **config)
    assert shape_of(made) == shape_of(real)
    assert made.facts == real.facts
    assert len(made.instances) == len(real.instances)


def test_content_is_a_function_of_the_seed():
    first, again, other = (loaded(SHAPE, seed=seed).fingerprint for seed in (0, 0, 1))
    assert first == again != other


def test_few_users_keep_their_actions():
    assert shape_of(loaded(SHAPE, rows=20)) == SHAPE | {"users": 20, "actions": 300}


def test_the_next_item_is_often_near():
    sequences = make(SHAPE | {"users": 400, "actions": 12000})
    steps = np.diff(sequences.items) % 30
    share = np.isin(steps, [1, 2, 3]).mean()
    assert 0.4 < share < 0.9
    assert sequences.lengths.max() > 2 * sequences.lengths.mean()
