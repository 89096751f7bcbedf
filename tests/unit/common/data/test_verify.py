import gzip
import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from common.data import verify as module
from common.data.given import GIVEN
from common.data.root import VARIABLE, data_root
from common.data.sources import PackedFile, get_source, load_sources
from common.data.verify import content_digest, count, data_state, verify, verify_source
from common.errors import DataError
from common.registry import DATASETS

BUILT_IN = {
    "diabetes",
    "digit-scenes",
    "ow-forge-20",
    "papers-at-scale",
    "papers-authors-subjects",
    "rotated-digits",
    "scattered-digits",
    "scattered-rotated-digits",
    "seasons-equal",
    "seasons-loud",
    "seasons-quiet",
    "sessions",
}


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
    assert f"{tmp_path / name}: broken" in verify_source(source_of(name, {}), tmp_path)[0]


def test_verify_raises_for_a_named_set_that_is_not_there(tmp_path: Path, console: Console) -> None:
    with pytest.raises(DataError, match=r"hin/acm\.npz: missing"):
        verify("acm", str(tmp_path), console)


def test_verify_of_all_skips_what_is_not_there(tmp_path: Path, console: Console) -> None:
    verify(None, str(tmp_path), console)
    assert "no set" in console.file.getvalue()
    write_npz(tmp_path / "hin/acm.npz", pa=np.zeros(1))
    with pytest.raises(DataError, match=r"acm\.npz: .*pa: 1 instead of 13407"):
        verify(None, str(tmp_path), console)


def test_the_list_shows_what_is_here(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert (data_state("acm"), data_state("digits")) == ("no", "built in")
    write_npz(tmp_path / "hin/acm.npz", pa=np.zeros(1))
    assert data_state("acm") == "yes"
    module.print_data_sets(console)
    text = console.file.getvalue()
    assert "ml-latest-small" in text and "imdb-wiki" in text and str(tmp_path) in text


def test_the_list_breaks_no_name_on_a_narrow_terminal_and_is_a_line_a_set_in_a_file() -> None:
    titles = [source.title for source in load_sources().values()]
    for width in (80, 60):
        terminal = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
        module.print_data_sets(terminal)
        text = terminal.file.getvalue()
        *rows, _root, _command = text.splitlines()
        assert max(map(len, rows)) <= width and "…" not in text
        words = {word.rstrip(".") for word in text.split()}
        assert {word for title in titles for word in title.split()} <= words
        assert {*load_sources(), *GIVEN} <= words
    file = Console(file=io.StringIO(), width=40)
    module.print_data_sets(file)
    lines = file.file.getvalue().splitlines()
    for source in load_sources().values():
        (line,) = [line for line in lines if line.split()[0] == source.name]
        assert line.rstrip().endswith(f"{source.title}. Licence: {source.licence}")


def test_a_set_that_its_user_brings_is_here_once_its_files_are(tmp_path: Path) -> None:
    here = str(tmp_path)
    for name in GIVEN:
        assert data_state(name, here) == "no"
    (tmp_path / "imagenet/train").mkdir(parents=True)
    assert data_state("imagenet", here) == "no", "half of it"
    (tmp_path / "imagenet/imagenet-val-000.tar").touch()
    (tmp_path / "agedb").mkdir()
    (tmp_path / "agedb/agedb.csv").touch()
    assert data_state("imagenet", here) == data_state("agedb", here) == "yes"
    assert data_state("imagenet100", here) == data_state("imdb-wiki", here) == "no"
    (tmp_path / "imagenet100").mkdir()
    (tmp_path / "imagenet100/classes.txt").touch()
    assert data_state("imagenet100", here) == "yes"
    (tmp_path / "timeseries/lora").mkdir(parents=True)
    (tmp_path / "timeseries/lora/lora-all.csv.gz").touch()
    assert data_state("lora", here) == "yes"
    for name in ("image-folder", "csv", "labelled", "volume-table", "hetero-data"):
        assert data_state(name) == "yours"


def test_a_set_that_is_built_in_needs_no_file(tmp_path: Path) -> None:
    """Every registered set is of the catalogue, brought, a path of its user's, or made here."""
    made = {name for names in DATASETS.values() for name in names.names()}
    made = {name for name in made if data_state(name, str(tmp_path)) == "built in"}
    assert made == BUILT_IN


@pytest.mark.parametrize("source", load_sources().values(), ids=lambda source: source.name)
def test_the_data_root_is_as_published(source) -> None:
    if VARIABLE not in os.environ or len(source.missing(data_root())) == len(source.files):
        pytest.skip(f"{source.name} is not in the data root")
    assert verify_source(source, data_root()) == []
