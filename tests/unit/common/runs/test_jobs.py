"""Runs as jobs, with programs in place of SLURM's that note what they are given."""

import builtins
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from common.config.recipe import load_recipe
from common.errors import ConfigError, LikewiseError, MissingLibrary, UsageError
from common.runs import jobs
from common.runs.campaign_file import read_campaign
from common.runs.jobs import Queue, Work

# Ends at SIGTERM as a run does, and dies of SIGUSR2.
TRAINING = """
import signal, sys, time
def stop(*_):
    open("saved", "w").close()
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
open("ready", "w").close()
time.sleep(600)
"""


class Requeued(Exception):
    pass


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Returns a function that says what sbatch and sacct do from now on."""
    pytest.importorskip("submitit")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)

    def play(sbatch="echo Submitted batch job 17", state="PENDING"):
        sacct = f"echo 'JobID|State|NodeList'; echo '17|{state}|'"
        for name, does in (("sbatch", sbatch), ("sacct", sacct), ("srun", "")):
            (folder / name).write_text(f"#!/bin/sh\n{does}\n")
            (folder / name).chmod(0o755)

    play()
    return play


@pytest.fixture
def signals():
    former = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGUSR2)}
    yield
    for one, handler in former.items():
        signal.signal(one, handler)


def queue(tmp_path, *words, on="slurm", results=None):
    return Queue(on, words, tmp_path / "runs", results)


@pytest.mark.parametrize(
    ("on", "words", "named"),
    [
        ("slrum", [], "slurm or local"),
        ("local", ["time=5"], "--on slurm"),
        ("slurm", [], "time=MINUTES"),
        ("slurm", ["time=5h"], 'time="5h"'),
        ("slurm", ["time=1:00:00"], 'time="1:00:00"'),
        ("slurm", ["time=5", "cpus_per_task=0"], "cpus_per_task=0"),
        ("slurm", ["time=5", "partitoin=gpu"], "'partition'"),
        ("slurm", ["time"], "key=value"),
    ],
)
def test_what_no_job_can_have_is_refused(on, words, named, tmp_path):
    with pytest.raises(UsageError, match=named):
        queue(tmp_path, *words, on=on)


def test_without_slurm_or_the_library_it_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="srun"):
        queue(tmp_path, "time=5")
    real = builtins.__import__

    def refuse(name, *rest, **options):
        if name == "submitit":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingLibrary, match=r"\[slurm\]: pip install submitit"):
        queue(tmp_path, on="local")


def test_a_job_has_a_task_for_each_device_and_what_the_user_sets(cluster, tmp_path):
    words = ["trainer.devices=8", "trainer.nodes=2", "data.batch_size=128"]
    recipe = load_recipe("swav/quick", words)
    said = queue(tmp_path, "time=90", "partition=gpu", "cpus_per_task=4").submit(recipe)
    assert said.startswith("job 17, ") and said.endswith("17_0_log.out")
    (script,) = (tmp_path / "runs").rglob("17_submission.sh")
    text = script.read_text()
    for flag in ("nodes=2", "ntasks-per-node=8", "time=90", "partition=gpu", "signal=USR2@90"):
        assert f"#SBATCH --{flag}\n" in text
    assert "--cpus-per-task=4 " in text.partition("srun ")[2]


@pytest.mark.parametrize("word", ["trainer.devices=auto", "trainer.devices='0,1'"])
def test_devices_that_are_no_number_are_refused(word, cluster, tmp_path):
    with pytest.raises(ConfigError, match=r"trainer\.devices"):
        queue(tmp_path, "time=5").shape(load_recipe("swav/quick", [word]))


def test_on_this_machine_there_is_one_node(tmp_path):
    pytest.importorskip("submitit")
    with pytest.raises(ConfigError, match=r"trainer\.nodes"):
        queue(tmp_path, on="local").shape(load_recipe("swav/quick", ["trainer.nodes=2"]))


@pytest.mark.parametrize(
    ("state", "again"),
    [("PENDING", False), ("RUNNING", False), ("CANCELLED", True), ("TIMEOUT", True), ("", True)],
)
def test_a_run_whose_job_waits_or_runs_is_not_submitted_again(state, again, cluster, tmp_path):
    recipe = load_recipe("swav/quick")
    queue(tmp_path, "time=5").submit(recipe)
    cluster("echo Submitted batch job 18", state)
    said = queue(tmp_path, "time=5").submit(recipe)
    assert said.startswith("job 18, ") if again else said == f"job 17 is {state.lower()}"
    other = queue(tmp_path, "time=5").submit(load_recipe("swav/quick", ["seed=1"]))
    assert other.startswith("job 18, "), "another run has a job of its own"


def test_what_sbatch_refuses_is_an_error(cluster, tmp_path):
    cluster("echo 'invalid partition' >&2; exit 1")
    with pytest.raises(LikewiseError, match="swav/quick"):
        queue(tmp_path, "time=5").submit(load_recipe("swav/quick"))


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("swav/quick", ["seed=3", "optimizer.lr=0.02", "trainer.batches=3"]),
        ("swav/quick:hard-codes", ["evaluation.split=val", "data.holdout=0.1"]),
        ("swav/quick:simclr", ["method.temperature=0.3", "evaluation.references=[]"]),
        ("swav/quick", ["data.views=[{count: 2, size: 20}]", "tracking.tags=[a b=c]"]),
        ("meow/quick", ["seed=1"]),
    ],
)
def test_the_file_of_a_job_is_a_campaign_of_its_run(reference, words, cluster, tmp_path):
    recipe = load_recipe(reference, words)
    queue(tmp_path, "time=5", results=tmp_path / "results").submit(recipe)
    (file,) = (tmp_path / "runs" / "jobs").rglob("run.yaml")
    (found,) = read_campaign(file).recipes
    assert found.to_dict() == recipe.to_dict()


def test_the_end_of_a_job_lets_its_command_save_and_gives_it_again(tmp_path, monkeypatch, signals):
    pytest.importorskip("submitit")
    monkeypatch.setattr(jobs, "COMMAND", [sys.executable, "-c", TRAINING])
    monkeypatch.chdir(tmp_path)
    work, given = Work(["campaign", "run.yaml"]), []

    def end(*_):
        given.append(work.checkpoint())
        raise Requeued

    def announce():  # as SLURM does: to all processes of the job
        while not ((tmp_path / "ready").exists() and hasattr(work, "_command")):
            time.sleep(0.01)
        os.kill(work._command.pid, signal.SIGUSR2)
        # A job has one thread; here another one could take the signal, and none would wake.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR2)

    signal.signal(signal.SIGUSR2, end)
    threading.Thread(target=announce).start()
    with pytest.raises(Requeued):
        work()
    assert work._command.wait() == 1 and (tmp_path / "saved").exists()
    assert given[0].function.words == work.words


def test_a_command_that_fails_fails_its_job(monkeypatch, signals):
    monkeypatch.setattr(jobs, "COMMAND", [sys.executable, "-c", "raise SystemExit(2)"])
    with pytest.raises(subprocess.CalledProcessError):
        Work([])()
