import warnings
from pathlib import Path

import pytest

from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.readers.own import read_inputs

COLUMNS = ("size", "colour=", "colour=green", "colour=red")


def read(path: Path, *rows: str):
    path.write_text("\n".join(["size,colour", *rows, ""]))
    config = RegressionConfig(name="table", path=str(path), target="y", categorical=["colour"])
    return read_inputs(path, (4,), COLUMNS, config)[0].tolist()


def test_a_category_that_training_did_not_know_is_told(tmp_path):
    path = tmp_path / "new.csv"
    said = r"new\.csv: colour: 2 of 3 rows have a value that training did not know \(Red, blue\)"
    with pytest.warns(UserWarning, match=said):
        found = read(path, "1,Red", "2,blue", "3,red")
    assert found == [[1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(path, "1,", "2,green") == [[1, 1, 0, 0], [2, 0, 1, 0]]
