"""Two nodes of a cluster, played by two processes that know of each other only what a launcher
tells them: torchrun's rendezvous, or the variables that SLURM sets."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from common.tracking.metrics_file import read_metrics
from tests.system.processes import ROOT, start_command

TIMEOUT_S = 300
WORDS = [
    "supremix",
    "trainer.batches=3",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.log_every=1",
    "tracking.mode=disabled",
    "evaluation.references=[]",
]
TWO_NODES = ["trainer.nodes=2", "trainer.devices=1"]
PAPERS = [sys.executable, "-m", "common.cli.main", "train", *WORDS]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def by_torchrun(node, port):
    """Returns the command and the variables of one node under torchrun."""
    rendezvous = ["--master-addr", "127.0.0.1", "--master-port", str(port), "--nnodes", "2"]
    launcher = [sys.executable, "-m", "torch.distributed.run", *rendezvous]
    launcher += ["--node-rank", str(node), "--nproc-per-node", "1", "--no-python"]
    return [*launcher, *PAPERS, *TWO_NODES], {}


def by_slurm(node, port):
    """Returns the command and what `srun --nodes 2 --ntasks-per-node 1` would set."""
    ranks = {"SLURM_PROCID": node, "SLURM_NODEID": node, "SLURM_LOCALID": 0}
    sizes = {"SLURM_NTASKS": 2, "SLURM_NTASKS_PER_NODE": 1, "SLURM_NNODES": 2}
    job = {"SLURM_JOB_ID": 1, "SLURM_JOB_NAME": "likewise", "SLURM_NODELIST": "127.0.0.1"}
    found = {**ranks, **sizes, **job, "MASTER_PORT": port}
    return [*PAPERS, *TWO_NODES], {key: str(value) for key, value in found.items()}


def run_all(folder, commands):
    """Runs all ``commands`` at once in ``folder``; returns the one record and the losses."""
    folder.mkdir()
    started = [start_command(folder, command, **variables) for command, variables in commands]
    for process in started:
        try:
            output, _ = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            for other in started:
                os.killpg(other.pid, signal.SIGKILL)
            pytest.fail(f"still running after {TIMEOUT_S} s: {process.communicate()[0][-2000:]}")
        assert process.returncode == 0, output
        assert "Traceback" not in output
    (record,) = folder.glob("runs/supremix/*/*/result.json")
    rows = read_metrics(record.parent / "metrics.csv")
    losses = {row.batch: row.value for row in rows if row.key == "train/loss"}
    return json.loads(record.read_text()), losses


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize("launch", [by_torchrun, by_slurm])
def test_two_nodes_are_one_run_with_the_losses_of_one_process(launch, tmp_path):
    alone, expected = run_all(tmp_path / "one", [(PAPERS, {})])
    port = free_port()
    record, found = run_all(tmp_path / "two", [launch(node, port) for node in range(2)])
    assert (alone["devices"], record["devices"]) == (1, 2)
    assert record["status"] == "complete"
    assert record["config_hash"] == alone["config_hash"]
    assert list(found) == [1, 2, 3] and found == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize("to", ["all", "the second"])
def test_stopped_by_a_signal_each_node_tells_slurm_by_exit_code_1(to, tmp_path):
    port, longer = free_port(), ["trainer.batches=2000", "trainer.checkpoint_every_batches=2"]
    launched = [by_slurm(node, port) for node in range(2)]
    started = [start_command(tmp_path, [*words, *longer], **env) for words, env in launched]
    deadline = time.monotonic() + TIMEOUT_S
    while not list(tmp_path.glob("runs/supremix/*/*/checkpoints/batch-*")):
        assert time.monotonic() < deadline and all(node.poll() is None for node in started)
        time.sleep(0.05)
    for node in started if to == "all" else started[1:]:
        node.send_signal(signal.SIGTERM)
    said = [node.communicate(timeout=TIMEOUT_S)[0] for node in started]
    assert [node.returncode for node in started] == [1, 1], said
    who = "SIGTERM" if to == "all" else "another process"
    assert f"stopped by {who} after" in said[0] and "stopped by" not in said[1]
    assert "Traceback" not in "".join(said)


def test_the_job_of_the_docs_trains_and_when_queued_again_resumes(tmp_path):
    calls = tmp_path / "calls"
    for name in ("srun", "papers"):
        tool = tmp_path / name
        # srun runs what it is given; papers writes down srun's number of cores and its own words.
        does = 'exec "$@"' if name == "srun" else f'echo "$SRUN_CPUS_PER_TASK: $@" >> {calls}'
        tool.write_text(f"#!/bin/sh\n{does}\n")
        tool.chmod(0o755)
    sizes = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "8"}
    sizes["SLURM_CPUS_PER_TASK"] = "4"
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **sizes}
    job = ["bash", str(ROOT / "docs" / "slurm.sh"), "swav/imagenet", "seed=1"]
    subprocess.run(job, cwd=tmp_path, env=variables, check=True)
    run = "runs/slurm-7/swav/imagenet/260101-000000-aaaa"
    (tmp_path / run / "checkpoints").mkdir(parents=True)
    (tmp_path / run / "wandb" / "checkpoints").mkdir(parents=True)
    subprocess.run(job, cwd=tmp_path, env=variables, check=True)
    assert calls.read_text().splitlines() == [
        "4: train swav/imagenet --runs runs/slurm-7 seed=1 trainer.nodes=2 trainer.devices=8",
        f"4: resume {run}",
    ]
