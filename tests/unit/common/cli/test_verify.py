import dataclasses
import io

import pytest
from rich.console import Console

from common.cli import verify as command
from common.config.recipe import load_recipe
from common.config.schema import Recipe
from common.errors import LikewiseError, UsageError
from common.results import ledger
from common.results.ledger import Check, Ledger
from common.results.record import NO_NUMBER, Record, load_records, write_record

DIGEST = "e" * 12


@pytest.fixture
def training(tmp_path, monkeypatch):
    """Stands for training: writes a finished run whose metric is what `value` says."""
    trained = []

    def start(recipe, runs, console):
        trained.append(recipe.seed)
        run_id = f"run-{len(trained):03d}"
        folder = runs / recipe.paper / recipe.recipe / run_id
        folder.mkdir(parents=True)
        lines = ["batch,epoch,key,value", *(f"{b},0,train/loss,{5 - b}" for b in range(4))]
        (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
        record = make(recipe, run_id, start.value + recipe.seed / 100)
        write_record(record, folder)
        return record

    start.value, start.trained = 0.8, trained
    monkeypatch.setattr(command, "start", start)
    # Reading the paper's whole code for each run is most of the time.
    monkeypatch.setattr(ledger, "code_digest", lambda paper: DIGEST)
    return start


def make(recipe, run_id, value):
    texts = {f.name: "x" for f in dataclasses.fields(Record) if f.type in (str, "str")}
    numbers = {f.name: 1 for f in dataclasses.fields(Record) if f.type in (int, float)}
    values = {
        "run_id": run_id,
        "paper": recipe.paper,
        "arm": "method",
        "recipe": recipe.recipe,
        "variant": None,
        "seed": recipe.seed,
        "weights": "trained",
        "origin": "likewise",
        "metrics": {"test/x": value},
        "references": {},
        "scaled": True,
        "scaled_reason": NO_NUMBER,
        "config_hash": recipe.hash(),
        "code_digest": DIGEST,
        "commit": None,
        "dirty": None,
        "versions": {},
        "hardware": {},
        "finished": "2026-01-01T00:00:00Z",
        "status": "complete",
        "version": 1,
    }
    return Record(**{**texts, **numbers, **values})


def run(tmp_path, store=False, runs="runs", seeds=None):
    console = Console(file=io.StringIO(), width=200)
    command.verify_quick("swav", tmp_path / runs, store, console, tmp_path, seeds)
    return console.file.getvalue()


def test_storing_trains_three_seeds_and_files_their_records(training, tmp_path):
    assert "stored the band of seeds [0, 1, 2]" in run(tmp_path, store=True)
    assert training.trained == [0, 1, 2]
    assert [record.seed for record in load_records(tmp_path / "results")] == [0, 1, 2]


def test_a_band_of_more_seeds_trains_the_new_ones_alone_and_is_compared_over_all(
    training, tmp_path
):
    run(tmp_path, store=True)
    assert "stored the band of seeds [0, 1, 2, 3, 4]" in run(tmp_path, store=True, seeds=5)
    assert training.trained == [0, 1, 2, 3, 4]
    run(tmp_path, runs="elsewhere")
    assert training.trained == [0, 1, 2, 3, 4] * 2
    with pytest.raises(UsageError, match=r"--seeds 6.*--store"):
        run(tmp_path, seeds=6)


@pytest.mark.parametrize("seeds", [-1, 0, 2])
def test_a_band_of_too_few_seeds_is_refused_before_any_is_trained(training, tmp_path, seeds):
    with pytest.raises(UsageError, match=f"--seeds {seeds}: a band needs at least 3"):
        run(tmp_path, store=True, seeds=seeds)
    assert training.trained == []


def test_runs_of_the_present_code_are_used_again_and_compared(training, tmp_path):
    run(tmp_path, store=True)
    text = run(tmp_path)
    assert training.trained == [0, 1, 2]
    assert text.count("run already") == 3
    assert "all inside" in text


def test_a_number_outside_is_named_and_fails(training, tmp_path):
    run(tmp_path, store=True)
    training.value = 0.1
    with pytest.raises(LikewiseError, match="test/x"):
        run(tmp_path, runs="later")


def test_without_a_band_nothing_is_claimed(training, tmp_path):
    with pytest.raises(UsageError, match="no band is stored yet"):
        run(tmp_path)
    assert training.trained == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seeds"', "<<<<<<< "),
        ('"version": 1', '"version": 0'),
        ('"seeds"', '"seds"'),
        ('"swav"', '"meow"'),
    ],
)
def test_a_broken_band_is_told_before_training_with_the_command_that_stores_a_new_one(
    old, new, training, tmp_path
):
    run(tmp_path, store=True)
    (path,) = tmp_path.glob("results/swav/bands/*.json")
    path.write_text(path.read_text().replace(old, new))
    training.trained.clear()
    for store in (False, True):
        with pytest.raises(UsageError, match=r"quick\.json") as caught:
            run(tmp_path, store=store, runs="later")
    assert training.trained == []
    command = str(caught.value).partition("store a new band: papers verify swav ")[2]
    assert command == "--quick --store --seeds 3"
    run(tmp_path, store=True, runs="later", seeds=3)
    assert "all inside" in run(tmp_path, runs="later") and training.trained == [0, 1, 2]


def test_a_band_of_another_recipe_is_told_before_training(training, tmp_path, monkeypatch):
    run(tmp_path, store=True)
    monkeypatch.setattr(Recipe, "hash", lambda recipe: "0" * 10)
    with pytest.raises(UsageError, match="changed since its band was stored"):
        run(tmp_path, runs="later")
    assert training.trained == [0, 1, 2]


def test_an_unknown_paper_is_told_before_training(training, tmp_path):
    with pytest.raises(UsageError, match="unknown paper"):
        command.verify_quick("swaw", tmp_path, False, Console(), tmp_path)
    assert training.trained == []


def test_unreadable_and_foreign_runs_are_passed_over(training, tmp_path):
    recipe = load_recipe("swav/quick", ["seed=0"])
    broken = tmp_path / "swav" / "quick" / "run-999"
    broken.mkdir(parents=True)
    (broken / "result.json").write_text("{")
    assert command.find_finished(recipe, tmp_path) is None
    training(recipe, tmp_path, None)
    assert command.find_finished(recipe, tmp_path).name == "run-001"
    assert command.find_finished(load_recipe("swav/quick", ["seed=1"]), tmp_path) is None


def test_without_a_terminal_each_file_of_steps_has_a_line(monkeypatch, tmp_path):
    def check_paper(paper, root, store, others, advance, leave_out):
        for done in (1, 2):
            advance(done, 2)
        return Ledger(paper=paper), Check(agree=[])

    monkeypatch.setattr(command, "check_paper", check_paper)
    console = Console(file=io.StringIO(), width=200)
    command.verify_paper("swav", False, console, tmp_path)
    assert [line.split(",")[0] for line in console.file.getvalue().splitlines()[:2]] == [
        "  stored steps 1/2",
        "  stored steps 2/2",
    ]
