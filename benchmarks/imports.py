"""CPU seconds and memory of importing a paper's class, and of what it imports on the way.

    python -m benchmarks.imports

Each import runs in a process of its own; they take turns. Lightning imports all of torchmetrics for
one class, and torchmetrics imports torchvision, scipy.signal and matplotlib where they are there.
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

IMPORTS = (
    "import torch",
    "import torch, torchvision",
    "import torchmetrics",
    "import lightning.pytorch",
    "from papers.swav import SwAV",
)
PEAK = "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"


def cost(words: str) -> tuple[float, float]:
    """Returns CPU seconds and peak MB of a Python that does nothing but import."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", f"{words}; {PEAK}"]
    told = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, int(told.stdout) / 1024


def main() -> None:
    """Prints the median of each import, with the least and the most."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    found: dict[str, list[tuple[float, float]]] = {words: [] for words in IMPORTS}
    for _ in range(options.parse_args().rounds):
        for words, costs in found.items():
            costs.append(cost(words))
    for words, costs in found.items():
        seconds, memory = zip(*costs, strict=True)
        spread = f"[{min(seconds):.2f} .. {max(seconds):.2f}]"
        print(f"{words:30} {median(seconds):.2f} s {spread}, {median(memory):.0f} MB")


if __name__ == "__main__":
    main()
