"""`papers train` on two devices, and Ctrl-C outside training, as processes of their own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.tracking.metrics_file import read_metrics
from tests.system.processes import ForkedPapers, start_command

TIMEOUT_S = 300
COMMON = [
    "tracking.mode=disabled",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.log_every=1",
    "evaluation.references=[]",
]
SWAV = [
    "swav",
    "trainer.batches=4",
    "data.holdout=0.1",
    "evaluation.protocols=[knn]",
    "evaluation.online=[knn]",
    "evaluation.every_batches=2",
    "evaluation.monitor=val/knn_top1",
    "evaluation.select=best",
]
MCLREC = ["mclrec", "trainer.batches=4", "evaluation.every_batches=2"]
# Optimizers that act by turns, batches sampled from a graph, a queue with a momentum encoder;
# `test_processes` holds each method to one process.
OTHERS = {
    "autotcl": ["autotcl", "method.update_ratio=2"],
    # Dropout draws differ by process.
    "meow": [
        *("meow", "data.batch_size=160", "method.num_clusters=[3,9]", "method.dim=16"),
        *("method.dropout=0", "evaluation.node_probe.probes=2"),
    ],
    "amcl-moco": [
        *("amcl", "method.base=moco", "method.queue_length=512", "optimizer.lr=0.01"),
        "evaluation.protocols=[knn]",
    ],
}


def start(folder, *words, **variables):
    """Starts `papers` in ``folder``, as a process group of its own."""
    return start_command(folder, [sys.executable, "-m", "common.cli.main", *words], **variables)


def finish(process):
    """Returns the exit code and the output, once no process writes to it any more.

    A run that hangs is killed with its children.
    """
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail(f"still running after {TIMEOUT_S} s: {process.communicate()[0][-2000:]}")
    return process.returncode, output


def train(folder, *words):
    """Trains to the end; returns the one run folder, its record and its metrics."""
    folder.mkdir(exist_ok=True)
    code, output = finish(start(folder, "train", *words, *COMMON))
    assert code == 0, output
    assert "Traceback" not in output
    (config,) = folder.glob("runs/*/*/*/config.yaml")
    assert [path.name for path in (folder / "runs").iterdir()] == [words[0].partition("/")[0]]
    (record,) = folder.glob("**/result.json")
    assert record.parent == config.parent
    return (
        config.parent,
        json.loads(record.read_text()),
        read_metrics(config.parent / "metrics.csv"),
    )


def losses(rows):
    return {row.batch: row.value for row in rows if row.key == "train/loss"}


@pytest.mark.slow
@pytest.mark.distributed
def test_swav_on_two_devices_is_one_run_with_the_losses_of_one_device(tmp_path):
    _, alone, rows = train(tmp_path / "one", *SWAV)
    run, record, rows_of_two = train(tmp_path / "two", *SWAV, "trainer.devices=2")
    assert (alone["devices"], record["devices"]) == (1, 2)
    same = ("config_hash", "global_batch", "batches", "data_hash", "parameters", "code_digest")
    assert {key: record[key] for key in same} == {key: alone[key] for key in same}
    expected, found = losses(rows), losses(rows_of_two)
    assert list(found) == list(expected) == [1, 2, 3, 4]
    assert found == pytest.approx(expected, rel=1e-3)

    assert record["selection"] == "best val/knn_top1"
    assert (run / "checkpoints" / "best.ckpt").is_file()
    looks = [row.batch for row in rows_of_two if row.key == "val/knn_top1"]
    assert looks == [2, 4], "written once each, by one process"


@pytest.mark.slow
@pytest.mark.distributed
def test_mclrec_on_two_devices_selects_and_records_one_run(tmp_path):
    run, record, rows = train(tmp_path / "two", *MCLREC, "trainer.devices=2")
    assert (record["devices"], record["batches"]) == (2, 4)
    assert record["selection"] == "best val/mrr@10"
    assert [row.batch for row in rows if row.key == "val/mrr@10"] == [2, 4]
    names = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert "best.ckpt" in names and "batch-000000004.ckpt" in names


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize("case", OTHERS)
def test_two_devices_have_the_losses_of_one(case, tmp_path):
    words = [*OTHERS[case], "trainer.batches=3", "tracking.plots=false"]
    _, alone, rows = train(tmp_path / "one", *words)
    _, record, rows_of_two = train(tmp_path / "two", *words, "trainer.devices=2")
    assert (alone["devices"], record["devices"]) == (1, 2)
    same = ("config_hash", "global_batch", "batches", "data_hash")
    assert {key: record[key] for key in same} == {key: alone[key] for key in same}
    expected, found = losses(rows), losses(rows_of_two)
    assert list(found) == [1, 2, 3] and found == pytest.approx(expected, rel=1e-3)
    if case == "autotcl":  # its views come of the augmenter, which must have learnt alike
        errors = [one["metrics"]["test/mse"] for one in (alone, record)]
        assert errors[0] == pytest.approx(errors[1], rel=1e-3)


def interrupt(process, folder, when):
    """Sends Ctrl-C to a training once ``when(run_dir)`` holds; returns exit code, output, run."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        found = list(folder.glob("runs/*/*/*/config.yaml"))
        if found and when(found[0].parent):
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.01)
    code, output = finish(process)
    (config,) = folder.glob("runs/*/*/*/config.yaml")
    assert not list(folder.glob("**/result.json")), output
    return code, " ".join(output.split()), config.parent.relative_to(folder)


def launched(process):
    """Tells whether Lightning has started another process from ``process``."""
    below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in below:
        with contextlib.suppress(OSError):  # it has ended
            if b"LOCAL_RANK=1" in Path(f"/proc/{pid}/environ").read_bytes():
                return True
    return False


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("when", "to", "number"),
    [
        ("at the launch", "main", signal.SIGTERM),
        ("while they join", "all", signal.SIGTERM),
        ("in training", "all", signal.SIGTERM),
        ("in training", "main", signal.SIGTERM),
        # As a terminal sends it.
        ("at the launch", "all", signal.SIGINT),
        ("while they join", "all", signal.SIGINT),
    ],
)
def test_a_signal_on_two_devices_is_said_and_the_run_goes_on(when, to, number, tmp_path):
    words = ["trainer.batches=100", "trainer.devices=2", "trainer.checkpoint_every_batches=4"]
    process = start(tmp_path, "train", "supremix", *words, *COMMON, "tracking.plots=false")
    saved = "runs/*/*/*/checkpoints/batch-*.ckpt"
    deadline = time.monotonic() + TIMEOUT_S
    while not (any(tmp_path.glob(saved)) if when == "in training" else launched(process)):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.01)
    if when == "while they join":
        time.sleep(2)  # the other imports, the main one waits for it
    (os.killpg if to == "all" else os.kill)(process.pid, number)
    code, output = finish(process)
    assert code == 1, output
    said = f"stopped by {number.name} after"
    assert output.count(said) == 1 and "Traceback" not in output, output
    (config,) = tmp_path.glob("runs/*/*/*/config.yaml")
    run = config.parent
    assert f"papers resume {run.relative_to(tmp_path)}" in " ".join(output.split())
    assert said in (run / "log.txt").read_text()
    newest = max(run.glob("checkpoints/batch-*")).name
    assert f"saved {newest}" in output
    code, output = finish(start(tmp_path, "resume", str(run)))
    assert code == 0 and f"resuming from {newest}" in output, output
    assert json.loads((run / "result.json").read_text())["batches"] == 100


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", ["the port is in use", "killed"])
def test_a_main_process_that_ends_before_they_join_leaves_none_behind(end, tmp_path):
    words = ["train", "supremix", "trainer.batches=100", "trainer.devices=2", *COMMON]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = {"MASTER_PORT": str(taken.getsockname()[1])} if "port" in end else {}
        process = start(tmp_path, *words, **port)
        if end == "killed":
            while not launched(process):
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.01)
            process.kill()
        # The output ends with the last process that could write.
        code, output = finish(process)
    assert code == (1 if "port" in end else -signal.SIGKILL), output
    assert ("EADDRINUSE" in output) == ("port" in end), output


def has_begun(run):
    """Tells whether the run has said what it is, and a while has passed: no file is being read."""
    path = run / "log.txt"
    return path.is_file() and time.time() - path.stat().st_mtime > 0.3


def is_over(run):
    """Tells whether training is over: its last checkpoint is written, and a while has passed."""
    path = run / "checkpoints" / "batch-000000002.ckpt"
    return path.is_file() and time.time() - path.stat().st_mtime > 1


def test_ctrl_c_before_training_is_exit_code_1_and_says_how_to_go_on(tmp_path):
    # Where nothing is imported yet there is time before training.
    code, output, run = interrupt(start(tmp_path, "train", "swav", *COMMON), tmp_path, has_begun)
    assert code == 1, output
    assert f"go on with: papers resume {run}" in output
    assert "Traceback" not in output
    assert "papers resume" in (tmp_path / run / "log.txt").read_text()


def test_ctrl_c_in_the_final_evaluation_is_exit_code_1_and_says_how_to_go_on(tmp_path):
    endless = [
        "trainer.batches=2",
        "evaluation.protocols=[linear]",
        "evaluation.linear.epochs=9999",
    ]
    process = ForkedPapers(tmp_path, "train", "swav", *endless, *COMMON)
    code, output, run = interrupt(process, tmp_path, is_over)
    assert code == 1
    assert output.count("interrupted") == 1
    assert f"interrupted; go on with: papers resume {run}" in output
    assert "Traceback" not in output
    assert "interrupted" in (tmp_path / run / "log.txt").read_text()
