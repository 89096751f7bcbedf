"""Trains and evaluates MEOW's official code to its own end, on a CPU.

    git clone https://github.com/jianxiangyu/MEOW DIR; pip install faiss-cpu
    python -m benchmarks.meow_official --official DIR --set dblp --seed 0

Its ``main.py`` runs as it stands with its own parameters and patience; what it asks of a GPU, of
the GPU build of faiss and of numpy's and scikit-learn's old defaults is given to it. Products of
DBLP that its repository keeps as files too large for a copy are made from its links. It prints
NMI and ARI, then Macro-F1, Micro-F1 and AUC with 20, 40 and 60 labels a class: the figures that
`papers/meow/reported.yaml` states as `official code, run by us`.
"""

import argparse
import os
import runpy
import sys
from functools import partial
from pathlib import Path

import sklearn.cluster
import torch

from benchmarks.meow_epoch import multiply_links, patch_environment


def main() -> None:
    arguments = parse()
    patch_environment(arguments.threads)
    torch.range = lambda start, end: torch.arange(start, end + 1)
    # scikit-learn's default when the code was written.
    sklearn.cluster.KMeans = partial(sklearn.cluster.KMeans, n_init=10)
    code = arguments.official.resolve() / "code_meow"
    os.chdir(code)
    if arguments.set == "dblp":
        multiply_links(Path("../data/dblp"))
    # It reads the data set from the first argument, the rest by name.
    sys.argv = ["main.py", arguments.set, "--seed", str(arguments.seed)]
    sys.path.insert(0, str(code))
    runpy.run_path("main.py", run_name="__main__")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", type=Path, required=True, help="a clone of the official code")
    parser.add_argument("--set", choices=("acm", "imdb", "dblp"), default="imdb")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
