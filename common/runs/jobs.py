"""Runs as jobs, which submitit starts: SLURM's, or processes of this machine to try them."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.config.files import write_atomic
from common.config.overrides import changed_words
from common.config.schema import Recipe
from common.config.yaml_io import parse_overrides, to_yaml
from common.errors import ConfigError, LikewiseError, MissingLibrary, UsageError, shown, suggest

PLACES = ("slurm", "local")
# What `--slurm` takes, by sbatch's names: whole numbers (minutes, seconds, counts), and texts.
NUMBERS = ("time", "cpus_per_task", "gpus_per_node", "signal_delay_s")
TEXTS = ("partition", "mem", "account", "qos", "constraint", "gres", "nodelist", "exclude")
PYTHON = [sys.executable, "-P"]  # no folder of the user's is taken for one of our packages
COMMAND = [*PYTHON, "-m", "configs.command"]
NO_END = 60 * 24 * 365  # minutes; submitit ends local jobs after two by default
UNKNOWN = "UNKNOWN"  # what submitit says of a job that SLURM does not, or no longer, know


class Work:
    """What a job does: a `papers` command, which is stopped and begun again with the job.

    submitit calls it, and `checkpoint` when SLURM announces the job's end by SIGUSR2.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    def __call__(self) -> None:
        """Runs the command to its end.

        Raises:
            CalledProcessError: It failed, so that the job does.
        """
        # SLURM signals all processes of a job, and SIGUSR2 would kill one that does not know it.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        self._command = subprocess.Popen([*COMMAND, *self.words])
        signal.signal(signal.SIGTERM, lambda *_: self._command.terminate())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        if code := self._command.wait():
            raise subprocess.CalledProcessError(code, ["papers", *self.words])

    def checkpoint(self) -> Any:
        """Lets the command write a checkpoint and end; returns what the job does when it is back.

        It is called within `wait`, whose lock another `wait` would never get.
        """
        from submitit.helpers import DelayedSubmission

        self._command.terminate()
        os.waitid(os.P_PID, self._command.pid, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(Work(self.words))


class Queue:
    """Submits runs, each as one job in a folder of its own below ``runs/jobs/``.

    Args:
        on: "slurm" or "local".
        words: ``key=value`` of `NUMBERS` and `TEXTS`, for SLURM.
        runs: Where run folders are made.
        results: Where the jobs file copies of their records, or None.

    Raises:
        UsageError: Another place or setting, a setting that SLURM needs, or no SLURM here.
        MissingLibrary: Without submitit.
    """

    def __init__(self, on: str, words: Sequence[str], runs: Path, results: Path | None) -> None:
        if on not in PLACES:
            raise UsageError(f"--on {on}: must be {' or '.join(PLACES)}")
        self.on, self.runs, self.results = on, runs, results
        self._settings = _read_settings(on, words)
        try:
            import submitit
        except ImportError:
            raise MissingLibrary(f"--on {on}", "slurm", "submitit") from None
        self._library = submitit
        if on == "slurm" and shutil.which("srun") is None:
            raise UsageError("--on slurm: there is no srun here; call it on a node of the cluster")

    def shape(self, recipe: Recipe) -> dict[str, int]:
        """Returns the nodes and tasks of the recipe's job; on one machine Lightning starts them.

        Raises:
            ConfigError: No number of devices, or several nodes on this machine.
        """
        devices, nodes = recipe.trainer.devices, recipe.trainer.nodes
        if self.on == "local":
            if nodes > 1:
                raise ConfigError(f"trainer.nodes={nodes}: --on local has one; use --on slurm")
            return {}
        if not isinstance(devices, int) or devices < 1:
            raise ConfigError(f"trainer.devices={devices}: --on slurm needs a number")
        return {"nodes": nodes, "ntasks_per_node": devices}

    def submit(self, recipe: Recipe) -> str:
        """Submits the run unless its job still waits or runs; returns what became of it.

        Raises:
            LikewiseError: The folder cannot be written, or SLURM refuses the job.
        """
        key = f"{recipe.hash()}-s{recipe.seed}"
        folder = self.runs / "jobs" / recipe.paper / recipe.folder / key
        executor = self._executor(folder, recipe)
        for submitted in folder.glob("*_submitted.pkl"):
            job = executor.job_class(folder, submitted.name.partition("_")[0])
            if not job.done() and job.state != UNKNOWN:
                return f"job {job.job_id} is {job.state.lower()}"
        file = folder / "run.yaml"
        arms = {"arms": [recipe.reference], "seeds": [recipe.seed]}
        write_atomic(file, to_yaml({**arms, "overrides": changed_words(recipe)}))
        words = ["campaign", str(file), "--runs", str(self.runs)]
        words += [] if self.results is None else ["--results", str(self.results)]
        try:
            job = executor.submit(Work(words))
        except self._library.core.utils.FailedJobError:  # submitit has shown what sbatch says
            raise LikewiseError(f"{recipe.reference}: sbatch refused the job; see above") from None
        return f"job {job.job_id}, {folder / job.paths.stdout.name}"

    def _executor(self, folder: Path, recipe: Recipe) -> Any:
        kind = {"slurm": self._library.SlurmExecutor, "local": self._library.LocalExecutor}[self.on]
        try:
            executor = kind(folder, python=shlex.join(PYTHON))
        except OSError as error:
            raise UsageError(
                f"{folder}: cannot be made ({error.strerror}); choose --runs DIR"
            ) from None
        shape = self.shape(recipe)
        executor.update_parameters(**self._settings, **shape, stderr_to_stdout=True)
        return executor


def _read_settings(on: str, words: Sequence[str]) -> dict[str, Any]:
    """Returns the executor's parameters."""
    if on == "local":
        if words:
            raise UsageError(f"--slurm {words[0]}: goes with --on slurm")
        return {"timeout_min": NO_END}
    settings = parse_overrides(list(words))
    for key, value in settings.items():
        if key not in (*NUMBERS, *TEXTS):
            raise UsageError(f"--slurm {key}: no such setting{suggest(key, [*NUMBERS, *TEXTS])}")
        if key in NUMBERS and (type(value) is not int or value < 1):
            raise UsageError(f"--slurm {key}={shown(value)}: must be a whole number from 1 on")
    if "time" not in settings:
        raise UsageError("--slurm time=MINUTES: is needed, so that a job has time for its run")
    if "cpus_per_task" in settings:  # srun does not take it from sbatch
        settings["srun_args"] = [f"--cpus-per-task={settings['cpus_per_task']}"]
    return {**settings, "job_name": "likewise"}
