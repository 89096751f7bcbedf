import gzip
import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from common.data.catalogue.root import VARIABLE, data_root
from common.data.catalogue.sources import PackedFile, get_source, load_sources
from common.data.catalogue.verify import content_digest, count, verify, verify_source
from common.errors import DataError


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path


def source_of(path: str, counts: dict[str, int], content: str | None = None, **more: str):
    item = PackedFile(path=path, counts=counts, content=content, **more)
    return replace(get_source("acm"), name="mine", files=(item,))


def test_counts_are_rows_of_arrays_and_lines_of_texts(tmp_path: Path) -> None:
    arrays = {"pa": np.zeros((5, 2)), "x_shape": np.zeros(2), "x_indptr": np.zeros(3)}
    assert count(write_npz(tmp_path / "a.npz", **arrays)) == {"pa": 5}
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"1 2 3\n2 4\n"))
    assert count(tmp_path / "b.txt.gz") == {"lines": 2, "words": 5}
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    assert count(tmp_path / "c.csv") == {"lines": 2}


def test_raw_bytes_are_counted_and_checked_by_md5(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"123")
    md5 = "202cb962ac59075b964b07152d234b70"
    assert count(path) == {"bytes": 3}
    assert content_digest(path) == hashlib.sha256(b"123").hexdigest()
    assert verify_source(source_of("a.bin", {"bytes": 3}, md5=md5), tmp_path) == []
    path.write_bytes(b"124")
    problems = verify_source(source_of("a.bin", {"bytes": 3}, md5=md5), tmp_path)
    assert problems == [f"{path}: contents differ from the published set"]
    path.write_bytes(b"12")
    problems = verify_source(source_of("a.bin", {"bytes": 3}, md5=md5), tmp_path)
    assert problems == [f"{path}: bytes: 2 instead of 3"]


def test_the_digest_is_of_contents_not_of_the_container(tmp_path: Path) -> None:
    x, y = np.arange(3), np.ones(2)
    plain = write_npz(tmp_path / "a.npz", x=x, y=y)
    np.savez_compressed(tmp_path / "b.npz", y=y, x=x)
    assert content_digest(plain) == content_digest(tmp_path / "b.npz")
    changed = write_npz(tmp_path / "c.npz", x=x.astype(np.int32), y=y)
    assert content_digest(plain) != content_digest(changed)


def test_wrong_counts_name_file_and_array(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "hin/a.npz", pa=np.zeros((5, 2)))
    problems = verify_source(source_of("hin/a.npz", {"pa": 6, "ps": 1}), tmp_path)
    assert problems == [f"{path}: pa: 5 instead of 6", f"{path}: ps: none instead of 1"]


def test_changed_contents_are_found_behind_right_counts(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", pa=np.zeros(5))
    source = source_of("a.npz", {"pa": 5}, content_digest(path))
    assert verify_source(source, tmp_path) == []
    write_npz(path, pa=np.ones(5))
    assert "contents differ" in verify_source(source, tmp_path)[0]


@pytest.mark.parametrize("name", ["a.npz", "a.txt.gz"])
def test_a_torn_file_is_named(tmp_path: Path, name: str) -> None:
    good = gzip.compress(os.urandom(500)) if name.endswith("gz") else b"PK\x03\x04torn"
    (tmp_path / name).write_bytes(good[:200])
    assert f"{tmp_path / name}: " in verify_source(source_of(name, {}), tmp_path)[0]


def test_verify_raises_for_a_named_set_that_is_not_there(tmp_path: Path, console: Console) -> None:
    with pytest.raises(DataError, match=r"hin/acm\.npz"):
        verify("acm", str(tmp_path), console)


def test_verify_of_all_skips_what_is_not_there(tmp_path: Path, console: Console) -> None:
    verify(None, str(tmp_path), console)
    assert "no set" in console.file.getvalue()
    write_npz(tmp_path / "hin/acm.npz", pa=np.zeros(1))
    with pytest.raises(DataError, match=r"acm\.npz.*1.*13407"):
        verify(None, str(tmp_path), console)


@pytest.mark.parametrize("source", load_sources().values(), ids=lambda source: source.name)
def test_the_data_root_is_as_published(source) -> None:
    if VARIABLE not in os.environ or len(source.missing(data_root())) == len(source.files):
        pytest.skip(f"{source.name} is not in the data root")
    assert verify_source(source, data_root()) == []
