from pathlib import Path

import pytest

from common.data.catalogue.root import VARIABLE, data_root, require
from common.data.catalogue.sources import get_source, load_sources
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
