"""CPU seconds of `papers leaderboard`, each command in a process of its own.

    python -m benchmarks.leaderboard

As the command does, it writes the generated pages of this checkout where they are stale.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from statistics import median

START = "from configs.command import main; main()"


def cpu_seconds(*words: str) -> float:
    """Returns the CPU time that ``papers leaderboard`` with ``words`` takes."""
    before = os.times()
    command = [sys.executable, "-c", START, "leaderboard", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    user, system = after.children_user, after.children_system
    return user + system - before.children_user - before.children_system


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        for words in (["--check"], [], ["--html", folder]):
            found = sorted(cpu_seconds(*words) for _ in range(rounds))
            name = " ".join(["papers leaderboard", *words[:1]])
            print(f"{name:28s} {median(found):5.2f} s [{found[0]:.2f} .. {found[-1]:.2f}]")
