"""The manifest holds what records say, and what is fetched is checked and whole or not there."""

import contextlib
import hashlib
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from common.config.recipe import load_recipe
from common.data.catalogue.download import Unreachable
from common.errors import DataError, UsageError
from common.results.record import default_results, read_record
from common.weights.licences import licence_of
from common.weights.release import VARIABLE, Release, Released, fetch, place_of, read_release

RELEASE = read_release()
QUIET = Console(quiet=True)
CONTENTS = {"swav-quick.ckpt": b"weights", "swav-quick.md": b"card"}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


FILE = Released(
    file="swav-quick.ckpt",
    bytes=7,
    sha256=digest(CONTENTS["swav-quick.ckpt"]),
    record="quick-s0-260101-000000-aaaa.json",
    data="scattered-digits",
    licence="theirs",
)


@pytest.fixture
def place(tmp_path) -> Path:
    folder = tmp_path / "release"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", RELEASE.files)
def test_an_entry_says_what_its_record_says(name: str) -> None:
    released, recipe = RELEASE.files[name], load_recipe(name)
    record = read_record(default_results() / recipe.paper / released.record)
    assert (record.reference, record.config_hash) == (name, recipe.hash())
    assert (record.data, licence_of(record.data)) == (released.data, released.licence)


def test_a_folder_gives_both_files_once(place, tmp_path) -> None:
    out = tmp_path / "here"
    assert not FILE.is_in(out)
    fetch(FILE, str(place), out, False, QUIET)
    assert contents(out) == CONTENTS and FILE.is_in(out)
    for path in place.iterdir():
        path.unlink()
    fetch(FILE, str(place), out, False, QUIET)  # nothing is asked for what is here
    with pytest.raises(Unreachable, match=r"swav-quick\.ckpt"):
        fetch(FILE, str(place), tmp_path / "elsewhere", False, QUIET)


def test_an_address_is_opened_by_https_alone(tmp_path) -> None:
    asked = []

    def opener(url):
        asked.append(url)
        response = io.BytesIO(CONTENTS[url.rpartition("/")[2]])
        return contextlib.closing(SimpleNamespace(read=response.read, headers={}, close=list))

    fetch(FILE, "https://host/v1/", tmp_path, False, QUIET, opener)
    assert asked == [f"https://host/v1/{name}" for name in CONTENTS]
    with pytest.raises(UsageError, match="http://host"):
        fetch(FILE, "http://host", tmp_path / "x", False, QUIET, opener)


def test_other_bytes_are_refused_and_leave_nothing(place, tmp_path) -> None:
    (place / FILE.file).write_bytes(b"altered")
    with pytest.raises(DataError, match="sha256"):
        fetch(FILE, str(place), tmp_path / "here", False, QUIET)
    assert contents(tmp_path / "here") == {}


def test_a_file_of_the_users_is_replaced_only_when_asked(place, tmp_path) -> None:
    mine = tmp_path / FILE.file
    mine.write_bytes(b"mine")
    with pytest.raises(UsageError, match="--force"):
        fetch(FILE, str(place), tmp_path, False, QUIET)
    assert mine.read_bytes() == b"mine" and not (tmp_path / FILE.card).exists()
    fetch(FILE, str(place), tmp_path, True, QUIET)
    assert FILE.is_in(tmp_path)


def test_the_place_is_the_users_word_then_the_environment_then_the_manifest(monkeypatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(UsageError, match=VARIABLE):
        place_of(Release(url=None, files={}), None)
    release = Release(url="https://manifest", files={})
    assert place_of(release, None) == "https://manifest"
    monkeypatch.setenv(VARIABLE, "https://environment")
    assert place_of(release, None) == "https://environment"
    assert place_of(release, "folder") == "folder"


def test_a_name_is_found_as_recipes_are() -> None:
    release = Release(url=None, files={"swav/quick": FILE})
    assert release.find("swav") == ("swav/quick", FILE)
    with pytest.raises(UsageError, match="papers weights list"):
        release.find("swav/quick:simclr")


@pytest.mark.parametrize("text", ["files: {}\n", "url: null\nfiles: {a/b: {file: x}}\n"])
def test_a_broken_manifest_is_told(text, tmp_path) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"manifest\.yaml"):
        read_release(path)
