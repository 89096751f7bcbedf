import io
from pathlib import Path

import pytest
from rich.console import Console

from common.data.catalogue.listing import data_state, print_data_sets
from common.data.catalogue.root import VARIABLE
from common.data.catalogue.user_provided import GIVEN
from common.data.modality import DataSets
from common.registry import WINGS

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
