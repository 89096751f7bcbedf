"""Packers of time series, on files of the form that their sources have."""

import gzip
import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from common.data.catalogue.packers.series import pack_electricity, pack_ts_pair, pack_tslearn
from common.errors import DataError

HEAD = "# A remark\n@problemName Mine\n@timeStamps false\n@classLabel true 10 9\n@data\n"


def load(packed: dict[str, bytes]) -> dict[str, np.ndarray]:
    (content,) = packed.values()
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


def test_series_of_several_lengths_are_padded_and_classes_go_by_number(tmp_path: Path) -> None:
    (tmp_path / "Mine_TRAIN.ts").write_text(HEAD + "1,2:3,4:10\n5,6,7:8,9,1:9\n")
    (tmp_path / "Mine_TEST.ts").write_text(HEAD + "0.5:1.5:10\n")
    arrays = load(pack_ts_pair(tmp_path, ["a.npz"]))
    nan = np.nan
    assert np.array_equal(
        arrays["x_train"],
        np.float32([[[1, 3], [2, 4], [nan, nan]], [[5, 8], [6, 9], [7, 1]]]),
        equal_nan=True,
    )
    assert arrays["x_train"].dtype == np.float32 and arrays["x_test"].shape == (1, 3, 2)
    assert arrays["y_train"].tolist() == [1, 0] and arrays["y_test"].tolist() == [1]
    assert arrays["class_names"].tolist() == ["9", "10"]
    assert arrays["length_train"].tolist() == [2, 3] and arrays["length_test"].tolist() == [1]
    (tmp_path / "Mine_TEST.ts").unlink()
    with pytest.raises(DataError, match=r"\*_TEST\.ts"):
        pack_ts_pair(tmp_path, ["a.npz"])


def test_arrays_of_tslearn_are_packed_alike(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.float64).reshape(2, 3, 2)
    both = {"X_train": x, "y_train": np.array([3, 1]), "X_test": x + 1}
    np.savez(tmp_path / "Mine.npz", **both, y_test=np.array([1, 1]))
    arrays = load(pack_tslearn(tmp_path, ["a.npz"]))
    assert (arrays["x_test"] == x + 1).all() and arrays["x_test"].dtype == np.float32
    assert arrays["y_train"].tolist() == [1, 0] and arrays["class_names"].tolist() == ["1", "3"]
    np.savez(tmp_path / "Mine.npz", **both)
    with pytest.raises(DataError, match="y_test"):
        pack_tslearn(tmp_path, ["a.npz"])


def write_loads(folder: Path, lines: int, clients: int = 3) -> np.ndarray:
    """Writes quarters as UCI does; the second client starts after hour 8,920, the third before."""
    values = np.random.default_rng(0).integers(0, 100, (lines, clients)) / 8
    values[: 8_921 * 4, 1], values[: 8_920 * 4, 2] = 0, 0
    time, rows = datetime(2011, 1, 1), []
    for row in values.tolist():
        time += timedelta(minutes=15)
        rows.append(";".join([f'"{time}"', *(str(value).replace(".", ",") for value in row)]))
    header = ";".join(['""', *(f'"MT_{number:03d}"' for number in range(1, clients + 1))])
    (folder / "LD2011_2014.txt").write_text("\n".join([header, *rows, ""]))
    return values


def test_loads_are_added_up_as_ts2vec_does(tmp_path: Path) -> None:
    values = write_loads(tmp_path, 8_930 * 4)
    table = gzip.decompress(pack_electricity(tmp_path, ["a"])["a"]).decode().splitlines()
    assert table[0] == "date,MT_001,MT_003", "without load up to hour 8,920: left out"
    assert table[1].startswith("2012-01-01 00:00:00,") and len(table) == 1 + 8_930 - 8_760
    hours = values.reshape(-1, 4, 3).sum(1)[8_760:, [0, 2]]
    assert [[float(n) for n in row.split(",")[1:]] for row in table[1:]] == hours.tolist()
    assert table[-1].startswith("2012-01-08 01:00:00,")


@pytest.mark.parametrize(
    ("lines", "change", "message"),
    [
        (8, ('"2011-01-01 01:00:00"', '"2011-01-01 01:15:00"'), "line 5.*3.*01:15:00"),
        (8, (";0,0;0,0", ";0,0"), "line 2.*2.*3.*2011-01-01 00:15:00"),
        (8, (";0,0;0,0", ";0,0;x"), "line 2"),
        (6, ("", ""), "line 7"),
        (8, ("", ""), "2 hours; the set has four years of them"),
    ],
)
def test_loads_that_are_not_the_set_are_refused(tmp_path: Path, lines, change, message) -> None:
    write_loads(tmp_path, lines)
    path = tmp_path / "LD2011_2014.txt"
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(DataError, match=message):
        pack_electricity(tmp_path, ["a"])
