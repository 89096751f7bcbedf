"""Where `papers leaderboard` writes, and what it says of a record that it files."""

import io
import shutil

import pytest
from rich.console import Console

from common.cli.leaderboard import build_leaderboard, write_html
from common.cli.verify import verify_paper
from common.config import checkout
from common.config.checkout import SOURCE_ROOT
from common.config.recipe import load_recipe
from common.config.yaml_io import read_yaml
from common.errors import UsageError
from common.results.record import (
    CONFIG_PARTS,
    TRIED,
    RecordError,
    read_record,
    record_to_json,
    write_record,
)


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Lets the code look as if it were installed; returns the user's folder."""
    monkeypatch.setattr(checkout, "SOURCE_ROOT", tmp_path / "site-packages")
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "options",
    [{}, {"add": True}, {"wandb": "me/likewise"}, {"check": True}],
    ids=str,
)
def test_outside_of_a_checkout_it_writes_nothing(
    options, installed, make_record, console, tmp_path
):
    write_record(make_record(), tmp_path)
    places = {"add": [tmp_path]}
    given = {name: places.get(name, value) for name, value in options.items()}
    with pytest.raises(UsageError, match="checkout"):
        build_leaderboard(given.pop("check", False), console, **given)
    assert list(installed.iterdir()) == []


def test_outside_of_a_checkout_a_page_needs_the_records_that_it_shows(installed, console):
    with pytest.raises(UsageError, match="--results"):
        write_html(installed / "page", None, installed / "runs", console)
    with pytest.raises(UsageError):
        write_html(installed / "page", installed / "runs", installed / "runs", console)
    assert list(installed.iterdir()) == []


def test_a_page_of_the_users_own_runs_shows_them_alone(make_record, console, tmp_path):
    run = tmp_path / "runs" / "swav" / "mine" / "260101-000000-0000"
    run.mkdir(parents=True)
    write_record(make_record(scaled=True, scaled_reason="swav/mine is no recipe", data="cats"), run)
    write_html(tmp_path / "page", tmp_path / "runs", tmp_path / "runs", console)
    text = (tmp_path / "page" / "index.html").read_text()
    assert "cats" in text and "supremix" not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "runs"]


def test_outside_of_a_checkout_no_steps_are_stored(installed, console):
    with pytest.raises(UsageError, match="checkout"):
        verify_paper("swav", True, console)
    assert list(installed.iterdir()) == []


@pytest.mark.parametrize("reason", [None, "swav/mine is no recipe of this project"])
def test_a_record_that_stands_beside_no_reported_number_says_so(
    reason, make_record, console, tmp_path
):
    run = tmp_path / "run"
    run.mkdir()
    write_record(make_record(scaled=reason is not None, scaled_reason=reason), run)
    (tmp_path / "docs").mkdir()
    build_leaderboard(False, console, tmp_path, add=[run])
    assert len(list(tmp_path.glob("results/swav/*.json"))) == 1
    said = console.file.getvalue()
    assert ("no reported number" in said) is (reason is not None)
    assert reason is None or reason in said


def test_a_pilot_is_filed_as_one_and_a_record_without_its_run_too(make_record, console, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(record_to_json(make_record()))
    build_leaderboard(False, console, tmp_path, add=[file], pilot="test")
    (path,) = tmp_path.glob("results/swav/*.json")
    assert (read_record(path).pilot, read_record(path).looked_at) == (True, "test")
    assert "| `-` | test | 1 |" in (tmp_path / "papers/swav/RESULTS.md").read_text()
    with pytest.raises(RecordError):
        build_leaderboard(False, console, tmp_path, add=[file], pilot="mine")
    for given in ({"add": [tmp_path / "none"]}, {"pilot": "val"}):
        with pytest.raises(UsageError):
            build_leaderboard(False, console, tmp_path, **given)


def add(record, root, console):
    file = root / f"{record.run_id}.json"
    file.write_text(record_to_json(record))
    build_leaderboard(False, console, root, add=[file])
    return console.file.getvalue()


def test_a_first_seed_is_told_which_seeds_and_arms_are_missing(make_record, console, tmp_path):
    (tmp_path / "papers/swav").mkdir(parents=True)
    shutil.copy(SOURCE_ROOT / "papers/swav/claims.yaml", tmp_path / "papers/swav")
    setting = read_yaml(SOURCE_ROOT / "papers/swav/claims.yaml")["claims"][0]["setting"]
    recipe = load_recipe(setting)
    facts = {"recipe": recipe.recipe, "config_hash": recipe.hash(), "arm": "method"}
    said = add(make_record(seed=1, **facts), tmp_path, console)
    assert "seed=0 and seed=2" in said
    assert f"{setting}:simclr" in said


def test_a_shortened_run_is_another_setting(make_record, console, tmp_path):
    reason = "the recipe was changed: trainer.batches"
    said = add(make_record(scaled=True, scaled_reason=reason), tmp_path, console)
    assert reason in said and "another setting" in said and "seed=" not in said


def test_a_run_of_another_project_s_paper_is_not_filed(make_record, console, tmp_path, monkeypatch):
    monkeypatch.setattr("common.registry._installed", lambda: {"toy": "likewise_toy"})
    for paper in ("toy", "never-installed"):
        with pytest.raises(UsageError, match=paper):
            add(make_record(paper=paper), tmp_path, console)
    assert not (tmp_path / "results").exists()


def test_what_cannot_become_a_row_is_not_filed(make_record, console, tmp_path):
    with pytest.raises(UsageError, match="metrics"):
        add(make_record(metrics={}, protocol=""), tmp_path, console)
    assert not (tmp_path / "results").exists()


def test_a_run_of_a_trial_is_not_filed(make_record, console, tmp_path):
    config = dict.fromkeys(CONFIG_PARTS) | {"arm": "method", "seed": 0, "baseline": TRIED}
    record = make_record(config={**config, "method": {"loss": "mine.py:loss"}})
    with pytest.raises(
        UsageError, match=r"of a function, `papers try mine\.py:loss --save NAME` makes"
    ):
        add(record, tmp_path, console)
    assert not (tmp_path / "results").exists()
