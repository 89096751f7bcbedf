"""Time of a training batch and of the full ranking of MCLRec on Amazon Beauty or Sports.

    python benchmarks/mclrec_batch.py --official FOLDER --official-python PYTHON --set beauty

Ours runs inside Lightning's loop, from the end of one batch to the end of the next. With the
official code (github.com/QinHsiu/MCLRec, unchanged) both take turns, batch by batch, on the
same number of threads; the ranking likewise, on the authors' weights for Beauty and on untrained
ones for Sports. Without ``--official`` only ours is timed, and the spread of ours against itself
(odd against even batches) is given in either case.
"""

import argparse
import logging
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer

from common.config.recipe import load_recipe
from common.data.catalogue.root import data_root
from common.data.sequences.module import SequenceData
from common.evaluation.ranking import evaluate_ranking
from papers.mclrec.module import MCLRec
from papers.mclrec.weights import load_weights

Clock = Callable[[], float]
# On a busy machine one thread's own time is what can be compared.
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


class Official:
    """The official code in a process of its own; asked for one thing at a time."""

    def __init__(self, folder: str, python: str, threads: int, name: str, clock: str) -> None:
        script = Path(__file__).with_name("mclrec_official.py")
        self.process = subprocess.Popen(
            [python, str(script), str(Path(folder).resolve()), str(threads), name, clock],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        )
        self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the official code ended; run mclrec_official.py by hand to see why")
        return line

    def ask(self, command: str) -> float:
        """Returns the seconds that ``command`` took."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return float(self._answer().split()[0])


class Turns(Callback):
    """Times our batches and, between them, lets the official code take its turn."""

    def __init__(self, batches: int, official: Official | None, clock: Clock) -> None:
        self.batches, self.official, self.clock = batches, official, clock
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self.since: float | None = None

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Stops our clock, gives the other a turn, and starts it again."""
        if self.since is not None:
            self.ours.append(self.clock() - self.since)
            if self.official:
                self.theirs.append(self.official.ask("batch"))
        elif self.official:
            self.official.ask("batch")  # its first batch warms it up, as ours did
        trainer.should_stop = len(self.ours) >= self.batches
        self.since = self.clock()


def summary(name: str, seconds: list[float]) -> float:
    middle = statistics.median(seconds)
    spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
    print(f"{name}: median {middle:.3f} s of {len(seconds)} ({spread})", flush=True)
    return middle


def time_batches(name: str, batches: int, official: Official | None, clock: Clock) -> None:
    recipe = load_recipe(f"mclrec/{name}")
    data = SequenceData(recipe.data, seed=0)
    data.load()
    torch.manual_seed(0)
    turns = Turns(batches, official, clock)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[turns],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(MCLRec(recipe.method, recipe.optimizer, data.facts), datamodule=data)
    ours = summary("training batch, ours", turns.ours)
    halves = [statistics.median(turns.ours[start::2]) for start in (0, 1)]
    print(f"ours against itself, odd and even batches: {halves[0] / halves[1]:.3f}")
    if official:
        print(f"ours / official: {ours / summary('training batch, official', turns.theirs):.3f}")


def time_ranking(
    name: str, rounds: int, official_rounds: int, official: Official | None, clock: Clock
) -> None:
    recipe = load_recipe(f"mclrec/{name}")
    ours, theirs = [], []
    for number in range(rounds):
        # Both begin at reading the weights; the data are in memory, as they are there.
        data = SequenceData(recipe.data, seed=0)
        data.load()
        start = clock()
        module = MCLRec(recipe.method, recipe.optimizer, data.facts)
        if name == "beauty":
            load_weights(module, data_root(None) / "checkpoints/mclrec_beauty.npz")
        inputs = data.evaluation_inputs(module, "test")
        found = evaluate_ranking(inputs, recipe.evaluation.ranking, 0)
        ours.append(clock() - start)
        if official and number < official_rounds:
            theirs.append(official.ask("rank"))
    print(f"ndcg@20 {found['ndcg@20']:.6f}")
    middle = summary("full ranking, ours", ours)
    if official:
        print(f"ours / official: {middle / summary('full ranking, official', theirs):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", help="folder of the official code, with its data")
    parser.add_argument("--official-python", default="python", help="interpreter that runs it")
    parser.add_argument("--set", default="beauty", choices=("beauty", "sports"))
    parser.add_argument("--clock", default="wall", choices=CLOCKS)
    parser.add_argument("--batches", type=int, default=15)
    parser.add_argument("--rankings", type=int, default=7)
    parser.add_argument("--official-rankings", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    official = None
    if options.official:
        official = Official(
            options.official, options.official_python, options.threads, options.set, options.clock
        )
    time_batches(options.set, options.batches, official, CLOCKS[options.clock])
    time_ranking(
        options.set, options.rankings, options.official_rankings, official, CLOCKS[options.clock]
    )


if __name__ == "__main__":
    main()
