import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from common.data.catalogue.packers.tables import (
    pack_engines,
    pack_gal_table,
    pack_masked_table,
)
from common.errors import DataError


def load(packed: dict[str, bytes]) -> dict[str, np.ndarray]:
    (content,) = packed.values()
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


def write_gal(folder: Path) -> Path:
    """Four rows; the label is column 1; two splits."""
    (folder / "data.txt").write_text("1 10.5 2\n3 20 4 \n5 30 6\n7 40 8\n")
    (folder / "index_features.txt").write_text("0\n2\n")
    (folder / "index_target.txt").write_text("1\n")
    (folder / "index_test_0.txt").write_text("3\n0\n")
    (folder / "index_test_1.txt").write_text("2\n")
    (folder / "index_train_0.txt").write_text("1\n2\n")
    return folder


def test_a_table_with_index_files(tmp_path: Path) -> None:
    arrays = load(pack_gal_table(write_gal(tmp_path), ["tabular/mine.npz"]))
    assert list(arrays) == ["x", "y", "test_mask"]
    assert arrays["x"].tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert arrays["y"].tolist() == [10.5, 20, 30, 40]
    assert arrays["test_mask"].tolist() == [[True, False, False, True], [False, False, True, False]]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("data.txt", "1 two 3\n", "data.txt"),
        ("index_target.txt", "3\n", "data.txt"),
        ("index_target.txt", "0\n1\n", "no splits, or columns"),
        ("index_test_1.txt", "4\n", r"index_test_1\.txt.*row 4.*4"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (write_gal(tmp_path) / name).write_text(text)
    with pytest.raises(DataError, match=message):
        pack_gal_table(tmp_path, ["tabular/mine.npz"])


def test_a_missing_original_is_named(tmp_path: Path) -> None:
    (write_gal(tmp_path) / "data.txt").unlink()
    with pytest.raises(DataError, match=r"data\.txt"):
        pack_gal_table(tmp_path, ["tabular/mine.npz"])


def test_a_table_with_masks(tmp_path: Path) -> None:
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(b"1,2,0.5\n3,4,0.25\n"))
    (tmp_path / "test_mask.csv.gz").write_bytes(gzip.compress(b"0,1,1\n1,0,1\n"))
    arrays = load(pack_masked_table(tmp_path, ["tabular/mine.npz"]))
    assert arrays["x"].tolist() == [[1, 2], [3, 4]] and arrays["y"].tolist() == [0.5, 0.25]
    assert arrays["test_mask"].tolist() == [[False, True], [True, False], [True, True]]
    (tmp_path / "test_mask.csv.gz").write_bytes(gzip.compress(b"0,1,1\n"))
    with pytest.raises(DataError, match=r"2 rows.*1"):
        pack_masked_table(tmp_path, ["tabular/mine.npz"])


@pytest.mark.parametrize("header", ["", "unit time s1\n"])
def test_engines_with_and_without_a_line_of_names(tmp_path: Path, header: str) -> None:
    for name in ("train", "test"):
        (tmp_path / f"{name}_FD001.txt").write_text(header + "1 1 0.5\n1 2 0.25\n")
    (tmp_path / "RUL_FD001.txt").write_text(("RUL\n" if header else "") + "112 \n98\n")
    arrays = load(pack_engines(tmp_path, ["timeseries/mine.npz"]))
    assert arrays["train"].tolist() == [[1, 1, 0.5], [1, 2, 0.25]]
    assert arrays["rul_test"].tolist() == [112, 98] and arrays["rul_test"].dtype == np.int32
    assert len(arrays["column_names"]) == 26
