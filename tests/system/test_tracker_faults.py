"""The tracker dies in each way it can; the run ends well and its local files are whole."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.tracking.metrics_file import read_metrics

ROOT = Path(__file__).resolve().parents[2]
BATCHES = 60
# Stands in for a training run: it logs, waits for the test to strike, logs on and ends.
RUN = """
import sys, time
from pathlib import Path
from common.config.schema import TrackingConfig
from common.tracking.metrics_file import MetricsFile
from common.tracking.tracker import Tracker

folder, batches = Path(sys.argv[1]), int(sys.argv[2])
files, tracker = MetricsFile(folder), Tracker()
tracker.start(folder, folder.name, {"seed": 1}, TrackingConfig(), "n", "g", "pretrain", ["t"])
for batch in range(1, batches + 1):
    values = {"train/loss": 1 / batch}
    files.write(batch, 0, values)
    tracker.log(batch, values)
    if batch == batches // 2:
        (folder / "half").touch()
        while not (folder / "go").exists():
            time.sleep(0.02)
    if batch > batches // 2:
        time.sleep(0.02)
tracker.summary({"test/knn_top1": 0.5})
started = time.monotonic()
print("sync:", tracker.finish())
print("finish took", time.monotonic() - started)
assert "wandb" not in sys.modules
"""


def environment(**extra):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
    return {**kept, "WANDB_MODE": "offline", "PYTHONPATH": str(ROOT), **extra}


def start(folder, **extra):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), str(BATCHES)],
        env=environment(**extra),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=40.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def processes(word, folder):
    """Returns ids of live processes that name ``word`` and work for the run in ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            variables = (entry / "environ").read_bytes().decode(errors="replace")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if word in command and state != "Z" and str(folder / "wandb" / "cache") in variables:
            found.append(int(entry.name))
    return found


def opened(folder):
    return list((folder / "wandb").glob("offline-run-*/run-*.wandb"))


def finish(process, folder):
    (folder / "go").touch()
    output, errors = process.communicate(timeout=90)
    return process.returncode, output, errors


def assert_run_is_whole(folder, code, output, errors):
    assert code == 0, errors
    assert "Traceback" not in errors + output
    assert len(read_metrics(folder / "metrics.csv")) == BATCHES
    assert float(output.split("finish took")[1]) < 12


needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")


@needs_proc
@pytest.mark.parametrize("word", ["wandb-core", "wandb_child.py"])
def test_killed_in_mid_run(tmp_path, word):
    process = start(tmp_path)
    wait_for(lambda: opened(tmp_path) and (tmp_path / "half").exists())
    for victim in wait_for(lambda: processes(word, tmp_path)):
        os.kill(victim, signal.SIGKILL)
    code, output, errors = finish(process, tmp_path)
    assert_run_is_whole(tmp_path, code, output, errors)
    assert errors.count("Tracking with W&B has stopped") == 1, errors
    assert len(errors.splitlines()) == 1, errors
    assert f"sync: wandb sync {tmp_path}/wandb/offline-run-" in output
    assert not (tmp_path / "wandb" / "tmp").exists()


@needs_proc
@pytest.mark.slow
def test_hanging_service_does_not_hold_the_end_up(tmp_path):
    process = start(tmp_path)
    wait_for(lambda: opened(tmp_path) and (tmp_path / "half").exists())
    victims = wait_for(lambda: processes("wandb-core", tmp_path))
    try:
        for victim in victims:
            os.kill(victim, signal.SIGSTOP)
        code, output, errors = finish(process, tmp_path)
        assert_run_is_whole(tmp_path, code, output, errors)
        assert "goes on in the background" in errors
    finally:
        for victim in [*processes("wandb_child.py", tmp_path), *victims]:
            os.kill(victim, signal.SIGKILL)


def test_package_that_fails_at_import(tmp_path):
    (tmp_path / "broken" / "wandb").mkdir(parents=True)
    (tmp_path / "broken" / "wandb" / "__init__.py").write_text("raise ImportError('no protobuf')")
    path = os.pathsep.join([str(tmp_path / "broken"), str(ROOT)])
    process = start(tmp_path, PYTHONPATH=path)
    code, output, errors = finish(process, tmp_path)
    assert_run_is_whole(tmp_path, code, output, errors)
    assert errors.count("Tracking with W&B has stopped: no protobuf") == 1, errors


@pytest.mark.slow
def test_server_out_of_reach_means_offline(tmp_path):
    server = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "0" * 40}
    process = start(tmp_path, WANDB_MODE="", WANDB_INIT_TIMEOUT="2", **server)
    wait_for(lambda: opened(tmp_path))
    time.sleep(1)
    code, output, errors = finish(process, tmp_path)
    assert_run_is_whole(tmp_path, code, output, errors)
    assert errors.count("W&B could not be reached") == 1, errors
    assert "has stopped" not in errors
    line = next(line for line in output.splitlines() if line.startswith("sync:"))
    assert line.startswith(f"sync: wandb sync {tmp_path}/wandb/offline-run-"), line
    assert line.count("run-") == 1


@needs_proc
def test_killed_run_leaves_no_process_and_a_file_that_can_be_uploaded(tmp_path):
    process = start(tmp_path)
    wait_for(lambda: opened(tmp_path) and (tmp_path / "half").exists())
    process.kill()
    process.communicate()
    wait_for(lambda: not processes("wandb", tmp_path))
    assert opened(tmp_path)[0].stat().st_size > 500


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "wandb").write_text("a file where the folder should be")
    code, output, errors = finish(start(tmp_path), tmp_path)
    assert_run_is_whole(tmp_path, code, output, errors)
    assert errors.count("Tracking with W&B has stopped") == 1
    assert "sync: None" in output
