"""What the words of `papers compare` name, and what it refuses to set side by side."""

import pytest
from typer.testing import CliRunner

from common.cli import compare as compare_words
from common.cli.compare import records_of
from common.cli.main import app
from common.config.recipe import load_recipe
from common.errors import UsageError
from common.results import comparison
from common.results.groups import Code
from common.results.record import RecordError, commit_record, write_record
from common.tracking import wandb_table


class Present(Code):
    def stale_reason(self, record):
        return None


@pytest.fixture(autouse=True)
def code(monkeypatch):
    for module in (comparison, compare_words):
        monkeypatch.setattr(module, "present_code", lambda records, root: Present())


@pytest.fixture
def store(tmp_path, monkeypatch, make_record):
    """Writes a record of swav/quick into its run's folder below ``runs``; returns that folder."""
    monkeypatch.chdir(tmp_path)

    def write(seed=0, variant=None, **changes):
        arm = f"ablation/{variant}" if variant else "method"
        name = changes.setdefault("run_id", f"{variant or 'method'}-{seed}")
        record = make_record(seed=seed, variant=variant, arm=arm, recipe="quick", **changes)
        folder = tmp_path / "runs" / "swav" / f"quick-{variant or 'method'}" / name
        (folder / "evaluations" / "again").mkdir(parents=True)
        (folder / "config.yaml").write_text("paper: swav\n")
        write_record(record, folder)
        write_record(record, folder / "evaluations" / "again")
        return folder

    return write


def ids(word, tmp_path, results=None, whole=False):
    found = records_of(str(word), tmp_path / "runs", results, whole)
    return [record.run_id for record in found]


def run(*words):
    return CliRunner().invoke(app, ["compare", *map(str, words)])


def test_a_word_names_a_run_a_folder_of_runs_a_record_or_a_recipe(store, tmp_path, make_record):
    first, _ = store(), store(1, "hard-codes")
    results = tmp_path / "filed"
    commit_record(make_record(recipe="quick", seed=2, run_id="filed"), results)
    assert ids(first, tmp_path) == ["method-0"]
    assert ids(first / "result.json", tmp_path) == ["method-0"]
    assert ids(tmp_path / "runs", tmp_path) == ["method-0", "hard-codes-1"]
    assert ids(tmp_path / "runs/swav", tmp_path) == ["method-0", "hard-codes-1"]
    assert ids(results, tmp_path) == ids(results / "swav", tmp_path) == ["filed"]
    (tmp_path / "runs").rename(tmp_path / "evaluations")
    assert ids(tmp_path / "evaluations", tmp_path) == ["method-0", "hard-codes-1"]
    (tmp_path / "evaluations").rename(tmp_path / "runs")
    assert ids("swav/quick", tmp_path) == ["method-0"]
    assert ids("swav", tmp_path, results, whole=True) == ["filed", "method-0", "hard-codes-1"]
    assert ids("swav/quick:hard-codes", tmp_path) == ["hard-codes-1"]


def test_the_pilots_of_a_recipe_and_runs_of_the_official_code_are_not_its_runs(store, tmp_path):
    store(0, pilot=True, looked_at="val")
    official = {"origin": "official", "command": "python main.py", "changes": "none"}
    folder = store(1, **official)
    for word, message in (("swav/quick", "pilots only"), (folder, "no record of a finished run")):
        with pytest.raises(UsageError, match=message):
            ids(word, tmp_path)
    assert ids(tmp_path / "runs", tmp_path) == ["method-0"], "a folder holds pilots, too"


def test_a_campaign_names_the_runs_of_its_arms_in_its_order(store, tmp_path):
    words = ["trainer.epochs=3", "seed=1"]
    hard, plain = (load_recipe(f"swav/quick{v}", words) for v in (":hard-codes", ""))
    protocol = "+".join(plain.evaluation.protocols)
    store(1, config_hash=plain.hash(), protocol=protocol)
    store(1, "hard-codes", config_hash=hard.hash(), protocol=protocol)
    store(2, config_hash=plain.hash(), protocol=protocol)
    # As `papers evaluate` measures a run.
    store(1, config_hash=plain.hash(), protocol="effective-rank", run_id="evaluated")
    file = tmp_path / "mine.yaml"
    file.write_text(
        "arms: ['swav/quick:hard-codes', swav/quick]\nseeds: [1]\noverrides: [trainer.epochs=3]\n"
    )
    assert ids(file, tmp_path) == ["hard-codes-1", "method-1"]


def test_what_is_not_there_not_complete_or_broken_is_told(store, tmp_path):
    folder = store()
    (folder / "result.json").write_text("{")
    with pytest.raises(RecordError, match="half-written"):
        ids(tmp_path / "runs", tmp_path)
    (folder / "result.json").unlink()
    with pytest.raises(UsageError, match="papers resume"):
        ids(folder, tmp_path)
    with pytest.raises(UsageError, match="no record of a finished run"):
        ids(tmp_path / "runs", tmp_path)
    with pytest.raises(UsageError, match="quick"):
        ids("swav/quik", tmp_path)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"data_hash": "0" * 16}, "data_hash"),
        ({"protocol": "linear"}, "protocol"),
        ({"pilot": True, "looked_at": "val"}, "evaluation.split"),
    ],
)
def test_two_words_on_other_data_or_measured_otherwise_are_refused(store, changes, key):
    one, other = store(), store(0, "hard-codes", **changes)
    result = run(one, other)
    assert isinstance(result.exception, UsageError) and key in str(result.exception)
    assert "papers compare runs" not in str(result.exception), "folders are named already"
    recipes = run("swav/quick", "swav/quick:hard-codes", "--results", "none")
    if key != "evaluation.split":  # those of pilots are told first
        assert "papers compare runs" in str(recipes.exception)
    together = run("runs")
    assert together.exit_code == 0, "a folder is shown in parts"
    assert together.stdout.count("1 arm on cifar10") == 2


def test_what_can_be_compared_of_two_papers_is_named(store, tmp_path, make_record):
    store()
    others = [("any-keys", "0" * 16), (None, "1" * 16)]
    for variant, data in others:
        record = make_record(
            paper="mochi", recipe="quick", variant=variant, data_hash=data, run_id=f"m{variant}"
        )
        commit_record(record, tmp_path / "results")
    words = "swav/quick", "mochi/quick", "--runs", "runs", "--results", "results"
    told = str(run(*words).exception)
    assert told.endswith("papers train swav IMAGES, papers train mochi IMAGES, papers compare runs")
    commit_record(
        make_record(paper="swav", recipe="photos", data_hash="0" * 16), tmp_path / "results"
    )
    told = str(run(*words).exception)
    assert told.endswith("these can be: papers compare swav/photos mochi/quick:any-keys")
    named = run("swav/photos", "mochi/quick:any-keys", *words[2:])
    assert named.exit_code == 0, named.exception


def test_seeds_make_one_arm_and_an_older_run_of_a_seed_is_named(store):
    folders = [store(seed) for seed in range(3)]
    again = store(0, run_id="again", finished="2026-02-01T00:00:00Z")
    result = run(*folders, again)
    assert result.exit_code == 0
    assert "0.8000 ± 0.0000  3 " in result.stdout
    assert "same setting and seed: method-0" in result.stdout


def test_an_unknown_arm_or_metric_is_told_with_those_there_are(store):
    store()
    for words, known in ((["--to", "hard"], "swav/quick"), (["--metric", "knn"], "test/knn_top1")):
        result = run("runs", *words)
        assert isinstance(result.exception, UsageError) and known in str(result.exception)


def test_files_are_written_whole_and_replaced_only_when_asked(store, tmp_path):
    curve = {"train/loss": [[10, 1.0], [20, 0.5]]}
    store(curves=curve)
    words = ["runs", "--csv", "a.csv", "--markdown", "a.md", "--curves", "a.png"]
    assert run(*words).exit_code == 0
    assert (tmp_path / "a.csv").read_text().startswith("data,")
    assert (tmp_path / "a.md").read_text().startswith("### 1 arm")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert all(one in str(run(*words).exception) for one in ("--force", "--csv FILE"))
    assert run(*words, "--force").exit_code == 0
    assert ".csv" in str(run("runs", "--csv", "a.txt").exception)


def test_wandb_is_given_every_line_of_the_comparison(store, monkeypatch):
    given = []

    def log(project, name, columns, rows):
        given.extend([project, name, *columns])
        given.append({row[columns.index("arm")] for row in rows})
        return "logged"

    monkeypatch.setattr(wandb_table, "log_table", log)
    store()
    store(1, "hard-codes")
    told = run("runs", "--wandb", "me/mine")
    assert told.exit_code == 0 and "logged" in told.output
    assert given[:2] == ["me/mine", "comparison"] and "verdict" in given
    assert given[-1] == {"swav/quick", "swav/quick:hard-codes", "untrained"}
