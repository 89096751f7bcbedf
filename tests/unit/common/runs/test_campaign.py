import dataclasses
import io
import time

import pytest
from rich.console import Console

from common.config.recipe import load_recipe
from common.config.yaml_io import to_yaml
from common.errors import ConfigError, DataError, LikewiseError, UsageError
from common.results import ledger
from common.results.ledger import Check, Ledger, write_ledger
from common.results.record import commit_record, write_record
from common.runs import campaign
from common.runs.campaign import (
    _claim,
    _find_unfinished,
    find_complete,
    run_campaign,
    submit_campaign,
)
from common.runs.campaign_file import Campaign
from common.runs.checkpoints import AtomicCheckpointIO
from common.runs.folder import RunFolder, RunInUse
from common.runs.interruption import RunStopped
from tests.samples import RECORD

DIGEST = "a" * 12


def record_of(recipe, number=0, **changes):
    mine = {"arm": recipe.arm, "recipe": "quick", "seed": recipe.seed, "config_hash": recipe.hash()}
    mine["protocol"] = "+".join(recipe.evaluation.protocols)
    mine |= {"run_id": f"260101-000000-{number:04x}", "code_digest": DIGEST}
    return dataclasses.replace(RECORD, **{**mine, **changes})


@pytest.fixture(autouse=True)
def digest(monkeypatch):
    for module in (ledger, campaign):
        monkeypatch.setattr(module, "code_digest", lambda paper: DIGEST)


def verified(recipe, root, *digests):
    """Stores that each of ``digests`` gives the steps of the recipe."""
    name, checks = recipe.hash(), {digest: Check(agree=["id"]) for digest in digests}
    kept = {"files": {name: "id"}, "settings": {name: [name]}, "checks": checks}
    write_ledger(Ledger(paper=recipe.paper, **kept), root)


@pytest.fixture
def recipe():
    return load_recipe("swav/quick", ["seed=1"])


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def store(root, record):
    folder = root / "swav" / "quick" / record.run_id
    folder.mkdir(parents=True)
    return write_record(record, folder)


def make_run(root, recipe, name, digest=DIGEST):
    folder = root / recipe.paper / recipe.folder / name
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(recipe.to_dict()))
    if digest:
        position = {"likewise": {"run_id": name, "code_digest": digest}}
        path = folder / "checkpoints" / "batch-000000005.ckpt"
        AtomicCheckpointIO().save_checkpoint(position, path)
    return folder


def test_a_record_is_found_among_runs_and_among_results(recipe, tmp_path):
    runs, results = tmp_path / "runs", tmp_path / "results"
    assert find_complete(recipe, runs, results) is None
    commit_record(record_of(recipe, 1), results)
    assert find_complete(recipe, runs, results)[1].run_id.endswith("0001")
    store(runs, record_of(recipe, 2, finished="2026-01-02T00:00:00Z"))
    assert find_complete(recipe, runs, results)[1].run_id.endswith("0002"), "the newest"
    store(runs, record_of(recipe, 3, finished="2025-12-31T00:00:00Z"))
    assert find_complete(recipe, runs, results)[1].run_id.endswith("0002")


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": "published"},
        {"code_digest": "b" * 12},
        {"code_digest": "mixed"},
        {"seed": 2},
        {"arm": "ablation/other"},
        {"config_hash": "0" * 10},
        {"protocol": "effective-rank"},  # as `papers evaluate` measures a run
    ],
    ids=str,
)
def test_a_record_of_anything_else_does_not_count(changes, recipe, tmp_path):
    store(tmp_path, record_of(recipe, **changes))
    assert find_complete(recipe, tmp_path, tmp_path / "results") is None


def test_a_record_of_code_that_was_verified_counts(recipe, tmp_path):
    results, former = tmp_path / "results", "b" * 12
    store(tmp_path, record_of(recipe, code_digest=former))
    verified(recipe, tmp_path, former)
    assert find_complete(recipe, tmp_path, results) is None
    verified(recipe, tmp_path, former, DIGEST)
    assert find_complete(recipe, tmp_path, results) is not None


@pytest.mark.parametrize("damage", [b"", b'{"run_id": ', b"\xff\xfe", b"{}", b'{"version": 99}'])
def test_an_unreadable_record_is_passed_over(damage, recipe, tmp_path):
    store(tmp_path, record_of(recipe, 1))
    store(tmp_path, record_of(recipe, 2)).write_bytes(damage)
    assert find_complete(recipe, tmp_path, tmp_path / "results")[1].run_id.endswith("0001")


def test_the_newest_unfinished_run_of_the_same_recipe_is_found(recipe, tmp_path, console):
    def find():
        return _find_unfinished(recipe, tmp_path, tmp_path / "results", console)

    assert find() is None
    make_run(tmp_path, recipe, "260101-000000-aaaa")
    newest = make_run(tmp_path, recipe, "260102-000000-aaaa")
    make_run(tmp_path, recipe, "260103-000000-aaaa", digest=None)
    finished = make_run(tmp_path, recipe, "260104-000000-aaaa")
    (finished / "result.json").write_text("{}")
    other = dataclasses.replace(recipe, seed=2)
    make_run(tmp_path, other, "260105-000000-aaaa")
    make_run(
        tmp_path, load_recipe("swav/quick", ["seed=1", "optimizer.lr=1"]), "260106-000000-aaaa"
    )
    broken = make_run(tmp_path, recipe, "260107-000000-aaaa")
    (broken / "config.yaml").write_text("paper: swav\nold_key: 1\n")
    assert find().path == newest
    assert console.file.getvalue() == ""


def test_a_run_that_other_code_began_is_left_alone_and_named(recipe, tmp_path, console):
    def find():
        return _find_unfinished(recipe, tmp_path, tmp_path / "results", console)

    other = make_run(tmp_path, recipe, "260102-000000-aaaa", digest="b" * 12)
    assert find() is None
    assert f"left as it is: {other}: the code has changed since" in console.file.getvalue()
    older = make_run(tmp_path, recipe, "260101-000000-aaaa")
    assert find().path == older
    verified(recipe, tmp_path, "b" * 12, DIGEST)
    assert find().path == other, "found to give the same numbers"


def test_a_run_without_a_readable_checkpoint_is_named_and_begun_anew(recipe, tmp_path, console):
    torn = make_run(tmp_path, recipe, "260101-000000-aaaa")
    (torn / "checkpoints" / "batch-000000005.ckpt").write_bytes(b"torn")
    assert _find_unfinished(recipe, tmp_path, tmp_path / "results", console) is None
    assert "batch-000000005.ckpt" in console.file.getvalue()


@pytest.fixture
def stage(monkeypatch, tmp_path, console):
    """Runs a campaign of three seeds, and more, whose trainings are played by a function."""
    recipes = [load_recipe("swav/quick", [f"seed={seed}"]) for seed in range(3)]
    done = []

    def play(act, deadline=None, also=(), results=tmp_path / "results", show=len, **checks):
        def start(recipe, root, _console, _deadline=None):
            done.append(recipe.seed)
            return act(recipe)

        monkeypatch.setattr(campaign, "start_run", start)
        campaign_ = Campaign("c", [*recipes, *also])
        run_campaign(campaign_, tmp_path / "runs", results, deadline, console, show, **checks)

    return play, done


def test_every_record_is_filed_and_a_second_time_nothing_is_done(stage, tmp_path, console):
    play, done = stage
    play(lambda recipe: record_of(recipe, recipe.seed))
    assert done == [0, 1, 2]
    assert len(list((tmp_path / "results" / "swav").glob("*.json"))) == 3
    play(lambda recipe: pytest.fail("run again"))
    assert console.file.getvalue().count("-260101-000000-000") == 3 * 3, (
        "each says where, each time"
    )


def test_its_records_are_shown_before_failures_are_told(stage, tmp_path, console, recipe):
    play, _ = stage
    store(tmp_path / "runs", record_of(recipe, 1))

    def act(recipe):
        if recipe.seed == 2:
            raise LikewiseError("train/loss is nan")
        return record_of(recipe, recipe.seed)

    shown = []
    with pytest.raises(LikewiseError, match="1 failed"):
        play(act, show=shown.extend)
    assert sorted(record.seed for record in shown) == [0, 1]


def test_what_a_record_lacks_ends_a_campaign_at_the_first(stage):
    play, done = stage

    def check(record):
        raise UsageError("no run has it")

    with pytest.raises(UsageError, match="no run has it"):
        play(lambda recipe: record_of(recipe, recipe.seed), check=check)
    assert done == [0]


def test_a_run_is_called_by_the_words_that_not_all_runs_have(tmp_path, console):
    shared = ["trainer.epochs=1", "seed=1"]
    recipes = [load_recipe("swav/quick", [*shared, f"optimizer.lr={lr}"]) for lr in (0.1, 0.2)]
    spent = time.monotonic() - 1
    run_campaign(Campaign("c", recipes), tmp_path, None, spent, console)
    assert "before [1/2] swav/quick optimizer.lr=0.1 seed 1;" in console.file.getvalue()


def test_without_a_folder_to_file_in_records_stay_in_the_folders_of_their_runs(
    stage, tmp_path, recipe, monkeypatch
):
    play, done = stage
    monkeypatch.setattr(campaign, "SOURCE_ROOT", tmp_path / "checkout")
    commit_record(record_of(recipe, 7), tmp_path / "checkout" / "results")
    store(tmp_path / "runs", record_of(dataclasses.replace(recipe, seed=2), 2))
    before = sorted(tmp_path.rglob("*"))
    play(lambda recipe: record_of(recipe, recipe.seed), results=None)
    assert done == [0, 1], "a record of the checkout is not the user's, one among the runs is"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pilot_of_a_seed_is_not_its_run(stage, tmp_path, recipe):
    play, done = stage
    pilot = record_of(recipe, 9, pilot=True, looked_at="val")
    commit_record(pilot, tmp_path / "results")
    play(lambda recipe: record_of(recipe, recipe.seed))
    assert done == [0, 1, 2]


def test_a_pilot_is_found_again_by_its_own_recipe(stage, tmp_path):
    play, done = stage
    pilot = load_recipe("swav/quick", ["evaluation.split=val"])
    commit_record(record_of(pilot, 9, pilot=True, looked_at="val"), tmp_path / "results")
    play(lambda recipe: record_of(recipe, recipe.seed), also=[pilot])
    assert done == [0, 1, 2]


def test_a_run_that_fails_is_named_at_the_end_and_the_others_run(stage, tmp_path):
    play, done = stage

    def act(recipe):
        if recipe.seed == 1:
            raise LikewiseError("train/loss is nan")
        return record_of(recipe, recipe.seed)

    with pytest.raises(LikewiseError, match=r"^1 failed: \[2/3\] swav/quick seed 1$"):
        play(act)
    assert done == [0, 1, 2]
    assert len(list((tmp_path / "results" / "swav").glob("*.json"))) == 2


@pytest.mark.parametrize("error", [ConfigError("bad"), DataError("missing")])
def test_what_every_seed_would_meet_ends_that_arm_alone(error, recipe, stage, tmp_path, console):
    play, done = stage
    store(tmp_path / "runs", record_of(recipe, 1))

    def act(recipe):
        if recipe.variant is None:
            raise error
        return record_of(recipe, recipe.seed)

    with pytest.raises(UsageError, match=r"^1 failed, 1 not tried: \[1/4\] swav/quick seed 0$"):
        play(act, also=[load_recipe("swav/quick:hard-codes")])
    assert done == [0, 0]
    assert "[2/4] swav/quick seed 1: complete, " in console.file.getvalue()
    assert "seed 2: not tried, refused at seed 0\n[4/4]" in console.file.getvalue()


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


@pytest.mark.parametrize("digest", [DIGEST, None], ids=["with a checkpoint", "without"])
def test_a_run_of_another_process_is_skipped_with_a_line(digest, stage, tmp_path, console):
    play, done = stage
    recipe = load_recipe("swav/quick", ["seed=1"])
    run = RunFolder(make_run(tmp_path / "runs", recipe, "260101-000000-aaaa", digest))
    run.lock()
    play(lambda recipe: record_of(recipe, recipe.seed))
    run.unlock()
    assert done == [0, 2]
    assert f"skipped: {run.path}: in use by process" in console.file.getvalue()


def test_what_another_process_begins_is_left_to_it_and_what_it_completes_is_not_run_again(
    stage, tmp_path, console
):
    play, done = stage
    recipe = load_recipe("swav/quick", ["seed=1"])

    def act(started):
        if started.seed == 0:  # meanwhile another process completes seed 2
            store(tmp_path / "runs", record_of(dataclasses.replace(recipe, seed=2), 2))
        return record_of(started, started.seed)

    with _claim(recipe, tmp_path / "runs"):
        play(act)
    assert done == [0] and "skipped: " in console.file.getvalue()
    play(lambda started: record_of(started, started.seed))
    assert done == [0, 1], "the claim has ended with its process's work"
    assert not [path for path in tmp_path.rglob("*.lock")]


def test_two_processes_at_one_moment_do_not_start_the_same_run(recipe, tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    with _claim(recipe, runs):
        with pytest.raises(RunInUse), _claim(recipe, runs):
            pytest.fail("claimed twice")
        with _claim(dataclasses.replace(recipe, seed=7), runs):
            pass
        # Between the look for a record and the claim another process has done the run.
        store(runs, record_of(recipe, 3))
        monkeypatch.setattr(campaign, "start_run", lambda *_: pytest.fail("run again"))
        assert campaign._run(recipe, runs, None, None, None).run_id.endswith("0003")


@pytest.mark.parametrize("error", [DataError("the data have changed"), UsageError("version 1")])
def test_a_run_that_cannot_be_resumed_is_named_and_a_new_one_started(
    error, stage, tmp_path, monkeypatch, console
):
    def refuse(*_args):
        raise error

    play, done = stage
    make_run(tmp_path / "runs", load_recipe("swav/quick", ["seed=1"]), "260101-000000-aaaa")
    monkeypatch.setattr(campaign, "resume_run", refuse)
    play(lambda recipe: record_of(recipe, recipe.seed))
    assert done == [0, 1, 2]
    assert f"left as it is: {error}" in console.file.getvalue()


class Jobs:
    """Notes what is submitted, and refuses seed 2 where it is told to."""

    def __init__(self, folder, refuse=False):
        self.runs, self.results = folder / "runs", folder / "results"
        self.refuse, self.submitted = refuse, []

    def shape(self, recipe):
        if self.refuse and recipe.seed == 2:
            raise ConfigError("trainer.devices")
        return {}

    def submit(self, recipe):
        self.submitted.append(recipe.seed)
        return f"job {recipe.seed}"


def test_what_is_complete_is_filed_and_shown_and_only_the_rest_submitted(tmp_path, console):
    recipes = [load_recipe("swav/quick", [f"seed={n}"]) for n in range(3)]
    jobs, shown = Jobs(tmp_path), []
    store(jobs.runs, record_of(recipes[0], 1))
    with _claim(recipes[1], jobs.runs):
        submit_campaign(Campaign("c", recipes), jobs, console, shown.extend)
    assert jobs.submitted == [2] and [record.seed for record in shown] == [0]
    assert len(list((jobs.results / "swav").glob("*.json"))) == 1
    said = console.file.getvalue()
    assert "[2/3] swav/quick seed 1: skipped: " in said and "seed 2: job 2\n" in said
    assert "1 of 3 runs are complete" in said


def test_nothing_is_submitted_where_one_recipe_can_be_no_job(tmp_path, console):
    recipes = [load_recipe("swav/quick", [f"seed={n}"]) for n in range(3)]
    jobs = Jobs(tmp_path, refuse=True)
    with pytest.raises(ConfigError):
        submit_campaign(Campaign("c", recipes), jobs, console)
    assert jobs.submitted == []
