import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from common.cli.leaderboard import build_leaderboard
from common.errors import LikewiseError, UsageError
from common.results import wandb_records as tracked
from common.results.record import (
    CONFIG_PARTS,
    TRIED,
    commit_record,
    load_records,
    record_to_json,
)
from common.results.wandb_records import import_tracked, offline_runs


class Api:
    """As ``wandb.Api``: `runs` takes ``entity/project`` and gives runs."""

    def __init__(self, *runs):
        self.found = runs
        self.asked = []

    def runs(self, path):
        self.asked.append(path)
        return iter(self.found)


def run_of(record, **changes):
    values = {
        "id": record.run_id,
        "name": "swav-cifar10-s0",
        "state": "finished",
        "entity": "me",
        "project": "likewise",
        "summary": {"test/knn_top1": 0.8, "record": record_to_json(record)},
    }
    return SimpleNamespace(**{**values, **changes})


def test_finished_runs_become_records_that_name_their_tracked_run(make_record, tmp_path):
    api = Api(run_of(make_record()), run_of(make_record(seed=1)))
    found = import_tracked("me/likewise", tmp_path, api)
    assert api.asked == ["me/likewise"]
    assert len(found.written) == 2
    assert [record.wandb for record in load_records(tmp_path)] == [
        "me/likewise/260101-000000-0000",
        "me/likewise/260101-000000-0001",
    ]


def test_what_is_here_already_stays_as_it_is(make_record, tmp_path):
    path = commit_record(make_record(wandb=None), tmp_path)
    before = path.read_text()
    found = import_tracked("me/likewise", tmp_path, Api(run_of(make_record())))
    assert (found.written, found.known) == ([], ["260101-000000-0000"])
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "crashed"}, "its state is crashed"),
        ({"summary": {"test/knn_top1": 0.8}}, "holds no record"),
        ({"summary": {"record": '{"run_id": "x"'}}, "half-written"),
        ({"id": "other"}, "holds the record of 260101-000000-0000"),
    ],
)
def test_other_runs_are_left_out_with_the_reason(make_record, tmp_path, changes, reason):
    found = import_tracked("me/likewise", tmp_path, Api(run_of(make_record(), **changes)))
    assert found.written == []
    assert reason in found.skipped[0]


def test_a_run_of_a_trial_is_left_out(make_record, tmp_path):
    config = dict.fromkeys(CONFIG_PARTS) | {"arm": "method", "seed": 0, "baseline": TRIED}
    run = run_of(make_record(config={**config, "method": {"loss": "mine.py:loss"}}))
    found = import_tracked("me/likewise", tmp_path, Api(run))
    assert found.written == [] and "of `papers try` with the loss mine.py" in found.skipped[0]


def test_a_run_of_another_project_s_paper_is_left_out(make_record, tmp_path):
    found = import_tracked("me/likewise", tmp_path, Api(run_of(make_record(paper="toy"))))
    assert found.written == [] and "toy is no paper" in found.skipped[0]


@pytest.mark.parametrize("name", ["paper", "recipe", "variant", "run_id"])
def test_a_record_from_elsewhere_cannot_choose_its_folder(make_record, tmp_path, name):
    record = make_record(**{name: "../../x"})
    found = import_tracked("me/likewise", tmp_path / "results", Api(run_of(record)))
    assert f"{name}: letters, digits, dots and dashes only" in found.skipped[0]
    assert list(tmp_path.iterdir()) == []


def test_a_project_is_written_with_its_entity(tmp_path):
    for project in ("likewise", "a/b/c", "", "a/"):
        with pytest.raises(UsageError, match="ENTITY/PROJECT"):
            import_tracked(project, tmp_path, Api())


def test_an_error_of_the_service_is_told_in_one_line(tmp_path):
    class Broken:
        def runs(self, path):
            raise ValueError("could not find\nproject")

    with pytest.raises(LikewiseError, match="me/likewise cannot be read: could not find project"):
        import_tracked("me/likewise", tmp_path, Broken())


class Lazy:
    """As W&B's runs since 0.31: the summary is asked for when it is first read."""

    id, name, entity, project = "a", "swav-cifar10-s0", "me", "likewise"

    def __init__(self, state):
        self.state = state

    @property
    def summary(self):
        raise ConnectionError("the service\nis gone")


def test_a_summary_that_cannot_be_read_costs_that_run_alone(make_record, tmp_path):
    api = Api(Lazy("finished"), run_of(make_record()))
    found = import_tracked("me/likewise", tmp_path, api)
    reason = "its summary cannot be read: the service is gone"
    assert found.skipped == [f"swav-cifar10-s0 (a): {reason}"]
    assert len(found.written) == 1


def test_only_finished_runs_are_asked_for_their_summary(tmp_path):
    found = import_tracked("me/likewise", tmp_path, Api(Lazy("running")))
    assert found.skipped == ["swav-cifar10-s0 (a): its state is running"]


def test_the_command_tells_what_was_filed(make_record, tmp_path, monkeypatch):
    (tmp_path / "papers" / "swav").mkdir(parents=True)
    (tmp_path / "common").mkdir()
    api = Api(run_of(make_record()), run_of(make_record(seed=1), state="running"))
    monkeypatch.setattr(tracked, "import_module", lambda name: SimpleNamespace(Api=lambda: api))
    console = Console(file=io.StringIO(), width=200)
    build_leaderboard(False, console, tmp_path, "me/likewise")
    text = console.file.getvalue()
    assert "filed swav/cifar10-s0-260101-000000-0000.json" in text
    assert "1 new records, 0 here already, 1 left out" in text
    assert "`cifar10` | method" in (tmp_path / "papers/swav/RESULTS.md").read_text()
    with pytest.raises(UsageError, match="use one of them"):
        build_leaderboard(True, console, tmp_path, "me/likewise")


@pytest.fixture
def offline(tmp_path):
    """A folder of runs: one in two offline parts, one uploaded, one online, one of a SLURM job."""
    parts = [
        "swav/quick/id-a/wandb/offline-run-20260102_000000-id-a",
        "swav/quick/id-a/wandb/offline-run-20260101_000000-id-a",
        "swav/quick/id-b/wandb/offline-run-20260101_000000-id-b",
        "meow/acm-cpu/id-c/wandb/run-20260101_000000-id-c",
        "slurm-7/swav/quick/id-d/wandb/offline-run-20260103_000000-id-d",
    ]
    for part in parts:
        (tmp_path / "runs" / part).mkdir(parents=True)
    (tmp_path / "runs" / parts[2] / "run-id-b.wandb.synced").touch()
    (tmp_path / "runs/swav/quick/id-a/wandb/latest-run").symlink_to(
        "offline-run-20260102_000000-id-a"
    )
    return tmp_path / "runs"


def test_the_line_of_an_offline_run_names_its_parts_in_their_order(offline):
    folder = offline / "swav" / "quick" / "id-a" / "wandb"
    first, second = (folder / f"offline-run-2026010{day}_000000-id-a" for day in (1, 2))
    assert offline_runs(offline)[-1] == f"wandb sync {first} {second}"


def test_offline_runs_of_a_slurm_job_are_found(offline):
    part = offline / "slurm-7/swav/quick/id-d/wandb/offline-run-20260103_000000-id-d"
    assert offline_runs(offline)[0] == f"wandb sync {part}"
    assert len(offline_runs(offline)) == 2


def test_offline_runs_are_shown_even_if_the_service_cannot_be_asked(offline, tmp_path, monkeypatch):
    def fail(project, api):
        raise LikewiseError("no network")

    monkeypatch.setattr(tracked, "_runs", fail)
    console = Console(file=io.StringIO(), width=40)
    with pytest.raises(LikewiseError, match="no network"):
        build_leaderboard(False, console, tmp_path, "me/likewise", runs=offline)
    for line in offline_runs(offline):
        assert f"\n{line}\n" in console.file.getvalue()
