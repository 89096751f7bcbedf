"""A fault in mid-run ends with a clear message, and what was reported saved is there to resume."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.config import load_recipe
from common.leaderboard.aggregate import Code, group_records
from common.leaderboard.environment import Environment
from common.leaderboard.record import commit_record, write_record
from common.result import Source, make_record
from common.runs import new_run
from tests.samples import MEASURED
from tests.system import runs
from tests.system.processes import ForkedPapers

COMMON = [
    "tracking.mode=disabled",
    "tracking.plots=false",
    "trainer.threads=1",
    "evaluation.protocols=[knn]",
    "evaluation.references=[]",
    "trainer.checkpoint_every_batches=4",
]
# 2030: later than any record that is filed.
START = 1_900_000_000

SOURCE = Source("a" * 12, Environment(None, None, {}, {}))


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


def test_a_full_disk_is_said_and_the_run_resumes_when_there_is_room(tmp_path):
    words = ["train", "swav", "trainer.batches=6", *COMMON]
    code, output = finish(ForkedPapers(tmp_path, *words, largest_file=200 * 1024))
    run_dir = runs.only_run(tmp_path / "runs")
    assert code == 1
    assert "batch-000000004.ckpt: not written" in output
    assert "Free some space, then: papers resume" in output
    assert not list((run_dir / "checkpoints").iterdir()), "no part of a checkpoint is left"
    resume_to_the_end(run_dir, 6)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_data_worker_is_said_and_the_run_resumes(tmp_path):
    words = ["trainer.batches=80", "data.workers=2", *COMMON]
    process = ForkedPapers(tmp_path, "train", "swav", *words)
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


def test_sigterm_is_a_pre_emption_and_the_run_goes_on_from_there(tmp_path):
    process = ForkedPapers(tmp_path, "train", "swav", "trainer.batches=60", *COMMON)
    wait_until(lambda: has_checkpoint(tmp_path / "runs"), process)
    process.terminate()
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
    monkeypatch.setattr("common.runs.default_results", lambda: tmp_path / "results")
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


def test_data_that_were_altered_since_are_refused_by_resume(tmp_path):
    table = tmp_path / "own.csv"
    rows = [f"{number},{number % 7},{number / 3}" for number in range(200)]
    table.write_text("\n".join(["a,b,target", *rows]) + "\n")
    words = ["data.name=table", f"data.path={table}", "data.target=target", "method.window=20"]
    words += ["method.label_step=1", "trainer.batches=2000", *COMMON]
    words += ["evaluation.protocols=[label-order]"]
    process = ForkedPapers(tmp_path, "train", "supremix/diabetes", *words)
    wait_until(lambda: has_checkpoint(tmp_path / "runs"), process)
    process.kill()
    process.communicate()
    table.write_text(table.read_text().replace("199,3", "198,3"))
    run_dir = runs.only_run(tmp_path / "runs")
    code, output = finish(ForkedPapers(tmp_path, "resume", str(run_dir)))
    assert code == 2
    assert "the data have changed since this run began" in output
