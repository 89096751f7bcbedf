import json

import pytest
import torch

from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.module import RegressionData
from common.data.targets.regression.synthetic import make, shape_of

TABLE = {
    "shape": [6],
    "columns": ["a", "b", "c", "d", "e", "f"],
    "splits": [[180, 0, 20], [180, 0, 20]],
    "inputs": [-3.5, 12.25],
    "targets": [0.1, 50.3],
    "levels": None,
    "nonzero": None,
}
WORDS = {
    "shape": [2, 40],
    "columns": [],
    "splits": [[100, 20, 30]],
    "inputs": [-0.5, 0.7],
    "targets": [0.0, 5.0],
    "levels": 11,
    "nonzero": 8,
}
CONFIGS = {
    6: RegressionConfig(name="yacht", batch_size=8),
    2: RegressionConfig(name="stsb", batch_size=8),
}


def loaded(shape, rows=None, seed=0, config=None):
    config = config or CONFIGS[shape["shape"][0]]
    data = RegressionData(config, seed=0, read=lambda config: make(shape, rows, seed))
    data.load()
    return data


@pytest.mark.parametrize("shape", [TABLE, WORDS], ids=["table", "words"])
def test_what_is_made_has_the_form_again(shape):
    assert json.loads(json.dumps(shape_of(loaded(shape)))) == shape


def test_a_real_set_is_replaced_by_one_of_its_form():
    config = RegressionConfig(name="diabetes", batch_size=8)
    real = RegressionData(config, seed=0)
    made = loaded(shape_of(real), config=config)
    assert shape_of(made) == shape_of(real)
    assert {name: len(part.targets) for name, part in made.parts.items()} == {
        name: len(part.targets) for name, part in real.parts.items()
    }


@pytest.mark.parametrize("shape", [TABLE, WORDS], ids=["table", "words"])
def test_content_is_a_function_of_the_seed(shape):
    first, again, other = (loaded(shape, seed=seed).fingerprint for seed in (0, 0, 1))
    assert first == again != other


def test_few_rows_keep_the_proportions():
    assert shape_of(loaded(TABLE, rows=50))["splits"] == [[45, 0, 5], [45, 0, 5]]
    assert shape_of(loaded(WORDS, rows=75))["splits"] == [[50, 10, 15]]


def test_labels_differ_and_leave_a_trace():
    found = make(TABLE)
    assert len(found.targets.unique()) == 200
    both = torch.cat([found.inputs.T, found.targets[None]])
    strongest = float(torch.corrcoef(both)[-1, :-1].abs().max())
    assert 0.1 < strongest < 0.95
