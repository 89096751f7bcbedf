import io
from pathlib import Path

import pytest
from rich.console import Console

from common.cli.data import print_data_sets
from common.data.catalogue.root import VARIABLE, data_root, data_state, require, require_data
from common.data.catalogue.sources import GIVEN, get_source, load_sources
from common.data.modality import DataSets
from common.errors import DataError
from common.registry import WINGS, load, wing

SETS = [(kind, name) for kind in WINGS for name in DataSets(kind).names()]


def test_the_value_of_the_recipe_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/from/environment")
    assert data_root("/from/recipe") == Path("/from/recipe")
    assert data_root(None) == Path("/from/environment")


def test_without_either_it_is_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert data_root() == Path.home() / ".cache" / "likewise"
    assert data_root("~/sets") == Path.home() / "sets"


def test_require_returns_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "hin").mkdir()
    (tmp_path / "hin" / "acm.npz").write_bytes(b"")
    assert require(str(tmp_path), "hin/acm.npz", "acm") == tmp_path / "hin" / "acm.npz"


@pytest.mark.parametrize(
    ("relative", "name"),
    [
        ("hin/acm.npz", "acm"),
        ("recsys/ml-latest-small", "ml-latest-small"),
        ("checkpoints/mclrec_beauty.npz", "mclrec-beauty-weights"),
    ],
)
def test_a_missing_file_is_named_with_the_command(tmp_path: Path, relative: str, name: str) -> None:
    with pytest.raises(DataError) as caught:
        require(str(tmp_path), relative)
    assert str(tmp_path / relative) in str(caught.value)
    assert f"`papers data prepare {name}`" in str(caught.value)
    assert VARIABLE in str(caught.value)


@pytest.mark.parametrize(("kind", "name"), [each for each in SETS if each[1] in load_sources()])
def test_a_reader_whose_set_is_missing_names_the_command(tmp_path: Path, kind: str, name: str):
    module, config = (load(target) for target in wing(kind).module)
    with pytest.raises(DataError, match=f"papers data prepare {name}`"):
        module(config(name=name, root=str(tmp_path)), 0).load()


def test_of_a_set_that_its_user_brings_the_layout_is_said(tmp_path: Path) -> None:
    layout = r"imagenet/\{train,val\}/<class>/\*\.JPEG"
    with pytest.raises(DataError, match=rf"imagenet is missing.*{layout}"):
        require(str(tmp_path), "imagenet", "imagenet")
    with pytest.raises(DataError, match=rf"imagenet.*{layout}"):
        get_source("imagenet")


def test_a_file_outside_the_catalogue_has_no_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="put it there"):
        require(str(tmp_path), "mine/own.npz")


def test_what_is_there_in_part_or_is_built_in_passes(tmp_path):
    first = tmp_path / load_sources()["cifar10"].files[0].path
    first.parent.mkdir(parents=True)
    first.touch()
    (tmp_path / "imagenet" / "train").mkdir(parents=True)
    (tmp_path / "wordnet").mkdir()
    (tmp_path / "wordnet" / "data.noun").touch()  # as Debian's package has it
    (tmp_path / "mine.csv").touch()
    for name, path in (
        ("cifar10", None),
        ("imagenet", None),
        ("imagenet100", None),
        ("wordnet", None),
        ("scattered-digits", None),
        ("csv", str(tmp_path / "mine.csv")),
        ("ow-dfa", "mine.csv"),
    ):
        require_data(name, str(tmp_path), path)


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("cifar10", None, "papers data prepare cifar10"),
        ("imagenet", None, "imagenet is missing"),
        ("csv", "none.csv", "none.csv"),
    ],
)
def test_what_is_not_there_is_refused(name, path, said, tmp_path):
    with pytest.raises(DataError, match=said):
        require_data(name, str(tmp_path), path)


BUILT_IN = {
    "coloured-digits",
    "digit-bars",
    "digits",
    "diabetes",
    "glossary",
    "glossary-pairs",
    "gridrobot",
    "digit-scenes",
    "ow-forge-20",
    "papers-at-scale",
    "papers-authors-subjects",
    "relations",
    "rotated-digits",
    "scattered-digits",
    "scattered-rotated-digits",
    "seasons-equal",
    "seasons-loud",
    "seasons-quiet",
    "sessions",
}


def test_the_list_shows_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert (data_state("acm"), data_state("digits")) == ("no", "built in")
    (tmp_path / "hin").mkdir()
    (tmp_path / "hin/acm.npz").touch()
    assert data_state("acm") == "yes"
    console = Console(file=io.StringIO(), width=200)
    print_data_sets(console)
    text = console.file.getvalue()
    assert "ml-latest-small" in text and "imdb-wiki" in text and str(tmp_path) in text


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
    for name in ("image-folder", "csv", "labelled", "volume-table", "hetero-data", "caption-table"):
        assert data_state(name) == "yours"


def test_a_set_that_is_built_in_needs_no_file(tmp_path: Path) -> None:
    """Every registered set is of the catalogue, brought, a path of its user's, or made here."""
    made = {name for kind in WINGS for name in DataSets(kind).names()}
    made = {name for name in made if data_state(name, str(tmp_path)) == "built in"}
    assert made == BUILT_IN
