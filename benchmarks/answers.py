"""CPU seconds of the commands that answer before a run, and of a refusal; no torch is imported.

    python -m benchmarks.answers --rounds 5

Each command runs in a process of its own. The last line is the share of a paper in the lists.
"""

import argparse
import resource
import subprocess
import sys
from statistics import median

from common.paper import paper_names

COMMANDS = [
    "--help",
    "list",
    "list swav",
    "info swav",
    "info swav/cifar10",
    "train swav --print-config",
    "train swav optimizer.lrr=1",
]
START = "from configs.command import main; main()"


def cpu_seconds(command: str) -> float:
    """Returns the CPU seconds of ``papers`` with these words, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-c", START, *command.split()]
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints the median of each command, with the least and the most."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    found: dict[str, list[float]] = {command: [] for command in COMMANDS}
    for _ in range(rounds):
        for command, seconds in found.items():
            seconds.append(cpu_seconds(command))
    for command, seconds in found.items():
        spread = f"[{min(seconds):.3f} .. {max(seconds):.3f}]"
        print(f"papers {command:28s} {median(seconds):.3f} s {spread}")
    papers = len(paper_names())
    share = (median(found["list"]) - median(found["--help"])) / papers
    print(f"list beyond --help, a paper of {papers}: {share:.3f} s")


if __name__ == "__main__":
    main()
