"""A fault in mid-run ends with a clear message, and what was reported saved is there to resume."""

import json
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.config.recipe import load_recipe
from common.results.groups import Code, group_records
from common.results.record import commit_record, write_record
from common.runs.environment import Environment
from common.runs.folder import new_run
from common.runs.record import CodeAndMachine, make_record
from common.tracking.metrics_file import MetricsFile
from tests.samples import MEASURED
from tests.system import kills, runs
from tests.system.processes import ForkedPapers, start_command

COMMON = [
    "tracking.mode=disabled",
    "tracking.plots=false",
    "trainer.threads=1",
    "evaluation.references=[]",
    "trainer.checkpoint_every_batches=4",
    "trainer.log_every=1",
    "evaluation.protocols=[knn]",
]
# 2030: later than any record that is filed.
START = 1_900_000_000

SOURCE = CodeAndMachine("a" * 12, Environment(None, None, {}, {}), None)


def finish(process):
    """Returns the exit code and the words of the output, which holds no traceback."""
    output, _ = process.communicate(timeout=600)
    assert "Traceback" not in output, output
    return process.returncode, " ".join(output.split())


def resume_to_the_end(run_dir, batches):
    runs.resume(run_dir)
    assert json.loads((run_dir / "result.json").read_text())["batches"] == batches


def descendants(pid):
    """Returns the ids of the processes below ``pid``, the deepest last."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in path.read_text().split()] if path.exists() else []
    return [*found, *(below for child in found for below in descendants(child))]


def wait_until(holds, process):
    deadline = time.monotonic() + 300
    while not holds():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.01)


def has_checkpoint(root):
    run_dir = runs.only_run(root)
    return run_dir is not None and any((run_dir / "checkpoints").glob("batch-*"))


def test_a_full_disk_is_said_and_leaves_what_was_saved_to_resume_from(tmp_path):
    root = tmp_path / "runs"
    words = ["trainer.batches=10", *COMMON]
    run_dir, _ = runs.train("swav", words, root, kills.AtBatch(5, torn=0))
    saved = run_dir / "checkpoints" / "batch-000000004.ckpt"
    content = saved.read_bytes()
    limited = ForkedPapers(tmp_path, "resume", str(run_dir), largest_file=200 * 1024)
    code, output = finish(limited)
    assert code == 1
    assert f"resuming from {saved.name}" in output
    assert "batch-000000008.ckpt: not written" in output
    assert f"Free some space, then: papers resume {run_dir.relative_to(tmp_path)}" in output
    assert list(saved.parent.iterdir()) == [saved], "no part of the other is left"
    assert saved.read_bytes() == content
    resume_to_the_end(run_dir, 10)
    assert (run_dir / "log.txt").read_text().count(f"resuming from {saved.name}") == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_data_worker_is_said_and_the_run_resumes(tmp_path):
    words = ["trainer.batches=80", "data.workers=2", *COMMON]
    # In an interpreter of its own: forked, torch does not learn which signal it was.
    command = [sys.executable, "-m", "common.cli.main", "train", "swav", *words]
    process = start_command(tmp_path, command)
    root = tmp_path / "runs"
    wait_until(lambda: has_checkpoint(root), process)
    os.kill(descendants(process.pid)[-1], signal.SIGKILL)
    code, output = finish(process)
    assert code == 1
    assert "makes batches ended by a signal (Killed)" in output and "fewer data.workers" in output
    run_dir = runs.only_run(root)
    assert f"papers resume {run_dir.relative_to(tmp_path)}" in output
    assert not (run_dir / "result.json").exists()
    resume_to_the_end(run_dir, 80)


@dataclass(frozen=True)
class Removes:
    """Removes the run's numbers, or its whole folder, when those of batch 6 are written."""

    name: str

    def arm(self):
        write = MetricsFile.write

        def write_and_remove(files, batch, *rest):
            write(files, batch, *rest)
            folder = files._metrics.path.parent
            if batch == 6:
                MetricsFile.write = write
                (folder / self.name).unlink() if self.name else shutil.rmtree(folder)

        MetricsFile.write = write_and_remove


@pytest.mark.parametrize("name", ["metrics.csv", ""])
@pytest.mark.parametrize("batches", [6, 10])
def test_numbers_or_a_folder_that_are_removed_in_mid_run_end_it(tmp_path, name, batches):
    root = tmp_path / "runs"
    _, code = runs.train("swav", [f"trainer.batches={batches}", *COMMON], root, Removes(name))
    assert code == 1 and not list(root.rglob("result.json"))


def test_a_signal_is_a_pre_emption_and_the_run_goes_on_from_there(tmp_path):
    process = ForkedPapers(tmp_path, "train", "swav", "trainer.batches=60", *COMMON)
    wait_until(lambda: has_checkpoint(tmp_path / "runs"), process)
    process.send_signal(signal.SIGTERM)
    code, output = finish(process)
    run_dir = runs.only_run(tmp_path / "runs")
    assert code == 1
    saved = max((run_dir / "checkpoints").glob("batch-*")).name
    assert "stopped by SIGTERM after" in output and f"saved {saved}" in output
    assert f"papers resume {run_dir.relative_to(tmp_path)}" in output
    assert not (run_dir / "result.json").exists()
    resume_to_the_end(run_dir, 60)


def test_of_runs_under_a_clock_that_goes_back_the_last_one_counts(tmp_path, monkeypatch):
    def record():
        run = new_run(recipe, tmp_path / "runs")
        run.unlock()
        found = make_record(recipe, SimpleNamespace(fingerprint="d"), SOURCE, run, MEASURED, None)
        write_record(found, run.path)
        return found

    recipe, clock = load_recipe("swav/quick"), [START]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    monkeypatch.setattr("common.runs.folder.SOURCE_ROOT", tmp_path)
    made = []
    for hours in (0, -1, -2):
        clock[0] = START + 3600 * hours
        made.append(record())
    assert [r.run_id for r in made] == sorted(r.run_id for r in made), "the newest is the last"
    (group,) = group_records(made, Code())
    assert group.records == (made[-1],)
    # Also where the earlier ones are filed and their runs are gone.
    commit_record(made[-1], tmp_path / "results")
    shutil.rmtree(tmp_path / "runs")
    assert record().finished > made[-1].finished
    clock[0] = START + 3600
    assert record().finished == "2030-03-17T18:46:40Z", "the clock's own, once it is right again"


def numbers_of(run_dir):
    record = json.loads((run_dir / "result.json").read_text())
    assert record["wall_s"] > 0
    found = {key: record[key] for key in ("status", "metrics", "references", "batches", "epochs")}
    return found, (run_dir / "metrics.csv").read_bytes()


@pytest.mark.slow
def test_a_clock_that_goes_back_all_the_time_changes_no_number(tmp_path):
    words = ["trainer.batches=12", *COMMON]
    usual, _ = runs.train("swav", words, tmp_path / "usual", kills.Nowhere())
    fallen = kills.UnderAFallingClock(kills.AtBatch(6, torn=0))
    run_dir, code = runs.train("swav", words, tmp_path / "fallen", fallen)
    assert code == -9
    runs.resume(run_dir, kills.UnderAFallingClock(kills.Nowhere()))
    assert "resuming from batch-000000004.ckpt" in (run_dir / "log.txt").read_text()
    assert numbers_of(run_dir) == numbers_of(usual)
