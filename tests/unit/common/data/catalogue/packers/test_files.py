import gzip
from pathlib import Path

import pytest

from common.data.catalogue.packers.arrays import read_content
from common.data.catalogue.packers.files import pack_files, pack_gzipped
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
