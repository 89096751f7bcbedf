"""Starts commands as a user's shell would, whatever started the suite."""

import os
import signal
import subprocess
from pathlib import Path

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
