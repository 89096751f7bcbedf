"""Trains and evaluates MEOW's official code to its own end, on a CPU, and writes its record.

    git clone https://github.com/jianxiangyu/MEOW DIR; pip install faiss-cpu
    python -m benchmarks.meow_official --official DIR --set dblp --seed 0
    papers leaderboard --add runs/official/RUN

Its ``main.py`` runs as it stands with its own parameters and patience; `CHANGES` is what it runs
on. It prints NMI and ARI, then Macro-F1, Micro-F1 and AUC with 20, 40 and 60 labels a class, each
with two decimals: the figures that the record holds, and `papers/meow/reported.yaml` the means of.
"""

import argparse
import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sklearn.cluster
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from benchmarks.meow_epoch import multiply_links, patch_environment
from common.config.recipe import load_recipe
from common.data.catalogue.packers.graphs import LABELS_PER_CLASS, pack_graph
from common.data.graphs.config import GraphConfig
from common.data.graphs.module import GraphData
from common.results.record import Record, write_record
from common.runs.environment import Environment, describe_environment
from common.runs.folder import FINISHED, new_run_id

# The official script evaluates its last training pass, dropout active.
METRICS = {"Macro-F1_mean": "macro_f1", "Micro-F1_mean": "micro_f1", "auc": "auc"}
# What can change its numbers.
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")
CHANGES = (
    "none in its files; what it asks of a GPU does nothing, faiss's flat CPU index stands for the "
    "GPU's, numpy.float and torch.range are given back, and k-means makes 10 starts a fit, "
    "scikit-learn's default in the stated environment"
)
PRODUCTS = "; apcpa, aptpa, nei_apcp and nei_aptp are counts and masks made from its links"


class Watch:
    """Counts the steps of the first optimizer that steps: later ones are the probes'."""

    def __init__(self) -> None:
        self.steps, self.parameters, self.first_s, self.last_s = 0, 0, 0.0, 0.0
        self._trained: torch.optim.Optimizer | None = None

    def __call__(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Is called before each step of any optimizer."""
        now = time.perf_counter()
        if self._trained is None:
            self._trained, self.first_s = optimizer, now
            groups = optimizer.param_groups
            self.parameters = sum(one.numel() for group in groups for one in group["params"])
        if optimizer is self._trained:
            self.steps, self.last_s = self.steps + 1, now

    @property
    def steps_per_s(self) -> float:
        """Steps a second, from the first step to the last."""
        return (self.steps - 1) / (self.last_s - self.first_s) if self.steps > 1 else 0.0


class Copy(io.StringIO):
    """Keeps what is printed and prints it."""

    def write(self, text: str) -> int:
        """Takes what `print` gives it."""
        sys.__stdout__.write(text)
        return super().write(text)


def main() -> None:
    arguments = parse()
    patch_environment(arguments.threads)
    torch.range = lambda start, end: torch.arange(start, end + 1)
    # scikit-learn's default when the code was written.
    sklearn.cluster.KMeans = partial(sklearn.cluster.KMeans, n_init=10)
    out = arguments.out.resolve()
    record = run(arguments.official.resolve(), arguments.set, arguments.seed, new_run_id(out))
    print(f"wrote {write_record(record, out / record.run_id)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", type=Path, required=True, help="a clone of the official code")
    parser.add_argument("--set", choices=("acm", "imdb", "dblp"), default="imdb")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/official"))
    return parser.parse_args()


def run(official: Path, name: str, seed: int, run_id: str) -> Record:
    """Runs the official script on its data set ``name`` and returns the record."""
    environment, data_hash = describe(official), hash_data(official / "data" / name, name)
    if name == "dblp":
        multiply_links(official / "data" / name)
    watch, started = Watch(), time.perf_counter()
    hook = register_optimizer_step_pre_hook(watch)
    with contextlib.redirect_stdout(Copy()) as printed:
        run_script(official / "code_meow", name, seed)
    hook.remove()
    return Record(
        run_id=run_id,
        paper="meow",
        arm="method",
        recipe=name,
        variant=None,
        seed=seed,
        data=name,
        data_hash=data_hash,
        protocol="node-probe+clustering",
        selection="last",
        metrics=read_metrics(printed.getvalue()),
        references={},
        epochs=watch.steps,
        batches=watch.steps,
        scaled=False,
        scaled_reason=None,
        # No recipe and no code of ours was run.
        config_hash="",
        code_digest="",
        commit=environment.commit,
        dirty=environment.dirty,
        versions=environment.versions,
        hardware=environment.hardware,
        precision="32-true",
        devices=1,
        global_batch=1,
        wall_s=time.perf_counter() - started,
        samples_per_s=watch.steps_per_s,
        data_wait_share=0.0,
        parameters=watch.parameters,
        finished=time.strftime(FINISHED, time.gmtime()),
        origin="official",
        command=f"python -m benchmarks.meow_official --official DIR --set {name} --seed {seed}",
        changes=CHANGES + (PRODUCTS if name == "dblp" else ""),
    )


def run_script(code: Path, name: str, seed: int) -> None:
    os.chdir(code)
    # It reads the data set from the first argument, the rest by name.
    sys.argv = ["main.py", name, "--seed", str(seed)]
    sys.path.insert(0, str(code))
    runpy.run_path("main.py", run_name="__main__")


def describe(official: Path) -> Environment:
    """Returns the official checkout's commit, whether its code is changed, and the machine."""
    found = describe_environment(official)
    changed = subprocess.run(["git", "-C", official, "diff", "--quiet", "HEAD", "--", "code_meow"])
    versions = {one: found.versions[one] for one in ("python", *PACKAGES)}
    versions["faiss-cpu"] = version("faiss-cpu")
    return replace(found, dirty=changed.returncode != 0, versions=versions)


def hash_data(originals: Path, name: str) -> str:
    """Returns the fingerprint that our reader gives the graph in the official folder."""
    config: GraphConfig = load_recipe(f"meow/{name}").data
    with tempfile.TemporaryDirectory() as root:
        for target, content in pack_graph(originals, [f"hin/{name}.npz"]).items():
            path = Path(root, target)
            path.parent.mkdir()
            path.write_bytes(content)
        data = GraphData(replace(config, root=root), seed=0)
        data.load()
    return data.fingerprint


def read_metrics(printed: str) -> dict[str, float | None]:
    """Returns what the official script printed under our names of metrics, in per cent.

    Raises:
        ValueError: If it did not print one clustering and one evaluation a number of labels.
    """
    return dict(_clustering(printed)) | dict(_classification(printed))


def _clustering(printed: str) -> Iterator[tuple[str, float]]:
    (values,) = re.findall(r"\[Clustering\] NMI: (\S+)\s+ARI: (\S+)", printed)
    for key, value in zip(("nmi", "ari"), values, strict=True):
        yield f"test/active_{key}", float(value)


def _classification(printed: str) -> Iterator[tuple[str, float]]:
    lines = re.findall(r"\[Test Classification\] (.*)", printed)
    for number, line in zip(LABELS_PER_CLASS, lines, strict=True):
        found = re.findall(r"(\S+): (\S+) var: (\S+)", line)
        for name, mean, deviation in found:
            key = f"test/active_{METRICS[name]}_{number}"
            yield from ((key, float(mean)), (f"{key}_std", float(deviation)))


if __name__ == "__main__":
    main()
