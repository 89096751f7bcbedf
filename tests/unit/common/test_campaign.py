import dataclasses
import io
import json
import time

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from common import campaign
from common.callbacks.stopping import RunStopped
from common.campaign import (
    Campaign,
    _find_unfinished,
    find_complete,
    parse_budget,
    read_campaign,
    run_campaign,
)
from common.config import load_recipe
from common.errors import ConfigError, DataError, LikewiseError, UsageError
from common.leaderboard import board
from common.leaderboard.record import Record, commit_record, write_record

DIGEST = "a" * 12
BASE = {
    "run_id": "260101-000000-0000",
    "paper": "swav",
    "recipe": "quick",
    "variant": None,
    "data": "scattered-digits",
    "data_hash": "d" * 16,
    "protocol": "knn+linear",
    "selection": "last",
    "metrics": {"test/knn_top1": 0.8},
    "references": {},
    "epochs": 60,
    "batches": 2400,
    "scaled": False,
    "scaled_reason": None,
    "code_digest": DIGEST,
    "commit": None,
    "dirty": None,
    "versions": {"torch": "2.6"},
    "hardware": {"cpu": "Some CPU"},
    "precision": "32-true",
    "devices": 1,
    "global_batch": 128,
    "wall_s": 10.0,
    "samples_per_s": 100.0,
    "data_wait_share": 0.1,
    "parameters": 1000,
    "finished": "2026-01-01T00:00:00Z",
}


def record_of(recipe, number=0, **changes):
    mine = {"arm": recipe.arm, "seed": recipe.seed, "config_hash": recipe.hash()}
    return Record(**{**BASE, **mine, "run_id": f"260101-000000-{number:04x}", **changes})


@pytest.fixture(autouse=True)
def digest(monkeypatch):
    monkeypatch.setattr(board, "code_digest", lambda paper: DIGEST)


@pytest.fixture
def recipe():
    return load_recipe("swav/quick", ["seed=1"])


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def store(root, record):
    folder = root / "swav" / "quick" / record.run_id
    folder.mkdir(parents=True)
    write_record(record, folder)
    return folder / "result.json"


def make_run(root, recipe, name, checkpoint=True):
    folder = root / recipe.paper / recipe.folder / name
    (folder / "checkpoints").mkdir(parents=True)
    text = OmegaConf.to_yaml(OmegaConf.create(recipe.to_dict()))
    (folder / "config.yaml").write_text(text)
    if checkpoint:
        (folder / "checkpoints" / "batch-000000005.ckpt").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90m", 5400), ("2h", 7200), ("1.5h", 5400), ("0s", 0)]
)
def test_a_budget_has_a_unit(text, seconds):
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["90", "2 h", "h", "-1h", "1h30m", "2d", "", ".5h", "1e3s"])
def test_a_budget_without_one_is_refused(text):
    with pytest.raises(UsageError, match="write a number with s, m or h"):
        parse_budget(text)


def test_a_campaign_goes_seed_by_seed_through_the_arms(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "arms: [swav/quick, 'swav/quick:hard-codes']\nseeds: [0, 7]\n"
        "overrides: [trainer.epochs=2, tracking.mode=disabled]\n"
    )
    found = read_campaign(path)
    assert found.name == "mine"
    assert [(r.variant, r.seed) for r in found.recipes] == [
        (None, 0),
        ("hard-codes", 0),
        (None, 7),
        ("hard-codes", 7),
    ]
    assert {recipe.trainer.epochs for recipe in found.recipes} == {2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arms: [swav/quick]", "needs arms and seeds"),
        ("seeds: [0]", "needs arms and seeds"),
        ("arms: []\nseeds: [0]", "needs arms and seeds"),
        ("arms: [swav/quick]\nseeds: [0]\nseed: 1", "needs arms and seeds"),
        ("arms: [swav/quick]\nseeds: [0]\noverrides: [optimizer.lrr=1]", "optimizer.lrr"),
        ("arms: [swav/quick, swav/quik]\nseeds: [0]", "did you mean 'quick'"),
        ("[]", "must hold a mapping"),
    ],
)
def test_a_broken_campaign_is_refused_before_anything_runs(text, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_campaign(path)


def test_a_missing_file_is_bad_usage(tmp_path):
    with pytest.raises(UsageError, match="no such campaign file"):
        read_campaign(tmp_path / "none.yaml")


def test_a_record_is_found_among_runs_and_among_results(recipe, tmp_path):
    runs, results = tmp_path / "runs", tmp_path / "results"
    assert find_complete(recipe, runs, results) is None
    commit_record(record_of(recipe, 1), results)
    assert find_complete(recipe, runs, results).run_id.endswith("0001")
    store(runs, record_of(recipe, 2, finished="2026-01-02T00:00:00Z"))
    assert find_complete(recipe, runs, results).run_id.endswith("0002"), "the newest"
    store(runs, record_of(recipe, 3, finished="2025-12-31T00:00:00Z"))
    assert find_complete(recipe, runs, results).run_id.endswith("0002")


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": "published"},
        {"code_digest": "b" * 12},
        {"code_digest": "mixed"},
        {"seed": 2},
        {"arm": "ablation/other"},
        {"config_hash": "0" * 10},
    ],
    ids=str,
)
def test_a_record_of_anything_else_does_not_count(changes, recipe, tmp_path):
    store(tmp_path, record_of(recipe, **changes))
    assert find_complete(recipe, tmp_path, tmp_path / "results") is None


def test_a_record_of_code_that_was_verified_counts(recipe, tmp_path):
    results, former = tmp_path / "results", "b" * 12
    store(tmp_path, record_of(recipe, code_digest=former))
    path = board.band_path(recipe.paper, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"verified_digests": [former]}))
    assert find_complete(recipe, tmp_path, results) is None, "the present code is not verified"
    path.write_text(json.dumps({"verified_digests": [former, DIGEST]}))
    assert find_complete(recipe, tmp_path, results) is not None


@pytest.mark.parametrize("damage", [b"", b'{"run_id": ', b"\xff\xfe", b"{}", b'{"version": 99}'])
def test_an_unreadable_record_is_passed_over(damage, recipe, tmp_path):
    store(tmp_path, record_of(recipe, 1))
    store(tmp_path, record_of(recipe, 2)).write_bytes(damage)
    assert find_complete(recipe, tmp_path, tmp_path / "results").run_id.endswith("0001")


def test_the_newest_unfinished_run_of_the_same_recipe_is_found(recipe, tmp_path):
    assert _find_unfinished(recipe, tmp_path) is None
    make_run(tmp_path, recipe, "260101-000000-aaaa")
    newest = make_run(tmp_path, recipe, "260102-000000-aaaa")
    make_run(tmp_path, recipe, "260103-000000-aaaa", checkpoint=False)
    finished = make_run(tmp_path, recipe, "260104-000000-aaaa")
    (finished / "result.json").write_text("{}")
    other = dataclasses.replace(recipe, seed=2)
    make_run(tmp_path, other, "260105-000000-aaaa")
    make_run(
        tmp_path, load_recipe("swav/quick", ["seed=1", "optimizer.lr=1"]), "260106-000000-aaaa"
    )
    broken = make_run(tmp_path, recipe, "260107-000000-aaaa")
    (broken / "config.yaml").write_text("paper: swav\nold_key: 1\n")
    assert _find_unfinished(recipe, tmp_path).path == newest


@pytest.fixture
def stage(monkeypatch, tmp_path, console):
    """Runs a campaign of three seeds whose trainings are played by a function."""
    recipes = [load_recipe("swav/quick", [f"seed={seed}"]) for seed in range(3)]
    done = []

    def play(act, deadline=None):
        def start(recipe, root, _console, _deadline=None):
            done.append(recipe.seed)
            return act(recipe)

        monkeypatch.setattr(campaign, "start", start)
        results = tmp_path / "results"
        run_campaign(Campaign("c", recipes), tmp_path / "runs", results, deadline, console)

    return play, done


def test_every_record_is_filed_and_a_second_time_nothing_is_done(stage, tmp_path, console):
    play, done = stage
    play(lambda recipe: record_of(recipe, recipe.seed))
    assert done == [0, 1, 2]
    assert len(list((tmp_path / "results" / "swav").glob("*.json"))) == 3
    play(lambda recipe: pytest.fail("run again"))
    assert console.file.getvalue().count("complete, run 260101") == 3


def test_a_run_that_fails_is_named_at_the_end_and_the_others_run(stage, tmp_path):
    play, done = stage

    def act(recipe):
        if recipe.seed == 1:
            raise LikewiseError("train/loss is nan")
        return record_of(recipe, recipe.seed)

    with pytest.raises(LikewiseError, match=r"1 runs failed: \[2/3\] swav/quick seed 1$"):
        play(act)
    assert done == [0, 1, 2]
    assert len(list((tmp_path / "results" / "swav").glob("*.json"))) == 2


@pytest.mark.parametrize("error", [ConfigError("bad"), DataError("missing")])
def test_what_every_seed_would_meet_ends_the_campaign(error, stage):
    play, done = stage

    def act(recipe):
        raise error

    with pytest.raises(type(error)):
        play(act)
    assert done == [0]


def test_a_spent_budget_ends_it_without_an_error(stage, console):
    play, done = stage

    def act(recipe):
        raise RunStopped("stopped by budget after 3 batches")

    play(act)
    assert done == [0]
    play(act, deadline=time.monotonic() - 1)
    assert done == [0] and "budget spent before [1/3]" in console.file.getvalue()


def test_ctrl_c_ends_it_with_one(stage):
    play, done = stage

    def act(recipe):
        stop = RunStopped("stopped by SIGINT after 3 batches")
        stop.by_user = True
        raise stop

    with pytest.raises(RunStopped):
        play(act)
    assert done == [0]


def test_an_unfinished_run_is_resumed_instead_of_started(stage, tmp_path, monkeypatch):
    play, done = stage
    folder = make_run(
        tmp_path / "runs", load_recipe("swav/quick", ["seed=1"]), "260101-000000-aaaa"
    )
    resumed = []
    monkeypatch.setattr(campaign, "resume_run", lambda run, *_: resumed.append(run.path))
    play(lambda recipe: record_of(recipe, recipe.seed))
    assert done == [0, 2] and resumed == [folder]
