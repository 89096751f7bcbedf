import gzip
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from common.data.catalogue.packers.arrays import (
    pack_files,
    pack_gzipped,
    pack_sequences,
    pack_state_dict,
    read_arrays,
    read_content,
)
from common.data.catalogue.sources import get_source
from common.errors import DataError


def test_files_come_from_an_archive_folder(tmp_path: Path) -> None:
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml/ratings.csv").write_text("a,b\n1,2\n")
    (tmp_path / "ml/README.txt").write_text("read me")
    packed = pack_files(tmp_path, ["x/README.txt", "x/ratings.csv.gz"])
    assert packed["x/README.txt"] == b"read me"
    assert gzip.decompress(packed["x/ratings.csv.gz"]) == b"a,b\n1,2\n"
    with pytest.raises(DataError, match=r"\*\*/movies\.csv"):
        pack_files(tmp_path, ["x/movies.csv.gz"])


def test_a_long_series_is_gzipped_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "ETTm1.csv").write_bytes(b"date,OT\r\n2016-07-01 00:00:00,30.5\r\n")
    (content,) = pack_files(tmp_path, [get_source("ettm1").files[0].path]).values()
    packed = tmp_path / "ETTm1.csv.gz"
    packed.write_bytes(content)
    assert read_content(packed) == (tmp_path / "ETTm1.csv").read_bytes()


def test_what_is_gzipped_already_is_taken_unless_it_is_torn(tmp_path: Path) -> None:
    content = gzip.compress(b"1,2\n3,4\n")
    (tmp_path / "mine.txt.gz").write_bytes(content)
    assert pack_gzipped(tmp_path, ["a/mine.txt.gz"]) == {"a/mine.txt.gz": content}
    (tmp_path / "mine.txt.gz").write_bytes(content[:-9])
    with pytest.raises(DataError, match="broken"):
        pack_gzipped(tmp_path, ["a/mine.txt.gz"])


def test_a_text_is_gzipped_unchanged_and_always_alike(tmp_path: Path) -> None:
    (tmp_path / "Amazon.txt").write_bytes(b"1 1 2 3\n2 4 1\n")
    packed = pack_sequences(tmp_path, ["recsys/mine.txt.gz"])
    assert gzip.decompress(packed["recsys/mine.txt.gz"]) == b"1 1 2 3\n2 4 1\n"
    assert packed == pack_sequences(tmp_path, ["recsys/mine.txt.gz"])


@pytest.mark.parametrize("line", ["3", "3 0", "3 x", "3 -1"])
def test_a_bad_row_names_file_and_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.txt").write_text(f"1 1 2\n{line}\n")
    with pytest.raises(DataError, match=r"a\.txt.*line 2"):
        pack_sequences(tmp_path, ["a"])


def test_two_texts_are_one_too_many(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("1 1\n")
    with pytest.raises(DataError, match=r"a\.txt.*b\.txt"):
        pack_sequences(tmp_path, ["a"])


def test_a_state_dict_becomes_plain_arrays(tmp_path: Path) -> None:
    weights = {"item.weight": torch.arange(6.0).reshape(3, 2), "bias": torch.ones(2)}
    torch.save({"state_dict": weights}, tmp_path / "model.pth")
    (content,) = pack_state_dict(tmp_path, ["a.npz"]).values()
    arrays = np.load(io.BytesIO(content), allow_pickle=False)
    assert arrays.files == ["item.weight", "bias"]
    assert arrays["item.weight"].dtype == np.float32 and arrays["item.weight"][2, 1] == 5


class Harmful:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize("content", [{"state_dict": Harmful()}, {"weights": {}}, [1]])
def test_anything_but_tensors_is_refused(tmp_path: Path, content, capsys) -> None:
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(DataError, match=r"model\.pth"):
        pack_state_dict(tmp_path, ["a.npz"])
    assert capsys.readouterr().out == ""


def test_an_npz_that_may_not_be_opened_is_named(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    np.savez(tmp_path / "a.npz", x=np.zeros(2))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a\.npz: not a readable \.npz.*Permission denied"):
        read_arrays(tmp_path / "a.npz")
