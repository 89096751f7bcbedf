"""Starts commands as a user's shell would, whatever started the suite."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from tests.forks import CONTEXT

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID", "MASTER_PORT")


def start_command(folder, command, **variables):
    """Starts ``command`` in ``folder``, as a process group of its own; its output is piped.

    The launcher's variables that the suite may have are left out, ``variables`` are added.
    """
    kept = {key: value for key, value in os.environ.items() if key not in LAUNCHER}
    quiet = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "HOME": str(folder)}
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**kept, **quiet, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A suite that a shell runs in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


class ForkedPapers:
    """A `papers` process, in use like `start_command`'s, that need not import torch first.

    It is forked from a server that has imported all: for tests of what a run does, not of how an
    interpreter starts. Its output goes to a file in ``folder``; ``largest_file`` is in bytes.
    """

    def __init__(self, folder, *words, largest_file=resource.RLIM_INFINITY):
        self._output = folder / f"output-of-{words[0]}.txt"
        words = (folder, self._output, largest_file, words)
        self._process = CONTEXT.Process(target=_papers, args=words)
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout=None):
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired("papers", timeout)
        return self._output.read_text(), None


def _papers(folder, output, largest_file, words):
    os.setsid()
    os.chdir(folder)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    for name in LAUNCHER:
        os.environ.pop(name, None)
    os.environ["HOME"] = str(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    from common.cli.main import main

    sys.argv = ["papers", *words]
    main()
