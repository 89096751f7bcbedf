"""Where `papers leaderboard` writes, and what it says of a record that it files."""

import io

import pytest
from rich.console import Console

from common.cli.leaderboard import build_leaderboard
from common.cli.verify import verify_paper
from common.config import checkout
from common.errors import UsageError
from common.results.record import RecordError, read_record, record_to_json, write_record


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
    [{}, {"add": True}, {"wandb": "me/likewise"}, {"page": True}, {"check": True}],
    ids=str,
)
def test_outside_of_a_checkout_it_writes_nothing(
    options, installed, make_record, console, tmp_path
):
    write_record(make_record(), tmp_path)
    places = {"add": [tmp_path], "page": installed / "page"}
    given = {name: places.get(name, value) for name, value in options.items()}
    with pytest.raises(UsageError, match="checkout"):
        build_leaderboard(given.pop("check", False), console, **given)
    assert list(installed.iterdir()) == []


def test_outside_of_a_checkout_no_band_is_stored(installed, console):
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
    assert "looked at on test" in (tmp_path / "papers/swav/RESULTS.md").read_text()
    with pytest.raises(RecordError):
        build_leaderboard(False, console, tmp_path, add=[file], pilot="mine")
    for given in ({"add": [tmp_path / "none"]}, {"pilot": "val"}):
        with pytest.raises(UsageError):
            build_leaderboard(False, console, tmp_path, **given)
