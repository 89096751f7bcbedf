"""What a run shows while it goes on, and how fast it is."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from common.config.console import Screen
from common.config.devices import is_main_process
from common.evaluation import progress
from common.tracking.tracker import Reporter
from common.training.position import batches_seen

LINE_EVERY_S = 15.0
REFRESH_S = 0.25


def quieten_lightning() -> None:
    """Keeps Lightning's notices (device lists, tips, limits reached) out of our output."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # What they warn of does not apply: our sampler resumes in mid-epoch, batches come whole.
    for message in (
        ".*dataloader is not resumable.*",
        ".*does not have many workers.*",
        ".*treespec, LeafSpec.*",
        ".*logging interval.*",
    ):
        warnings.filterwarnings("ignore", message=message)


def _tell(text: str) -> None:
    """Prints a line on the error stream, once for all processes."""
    console = Screen(stderr=True, quiet=not is_main_process())
    console.print(text, soft_wrap=True)


def time_left(seconds: float, done: int, total: int) -> str:
    """Returns how long the rest takes if it goes on as the ``done`` steps did in ``seconds``."""
    left = seconds * max(total - done, 0) / max(done, 1)
    if left < 100:
        return f"{left:.0f} s left"
    return f"{left / 60:.0f} min left" if left < 6_000 else f"{left / 3600:.1f} h left"


@contextmanager
def _show(what: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Gives ``advance(steps, text)``: a bar on a terminal, a line every 15 seconds elsewhere.

    Only the main process shows anything, on the error stream.
    """
    console = Screen(stderr=True, quiet=not is_main_process())
    if not console.is_terminal:
        yield _lines(console, what, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps, text: bar.update(task, advance=steps, description=f"{what} {text}")


def _lines(console: Console, what: str, total: int) -> Callable[[int, str], None]:
    done, started = 0, time.perf_counter()
    written = started

    def advance(steps: int, text: str) -> None:
        nonlocal done, written
        done += steps
        now = time.perf_counter()
        if now - written >= LINE_EVERY_S:
            written = now
            left = time_left(now - started, done, total)
            console.print(f"  {what} {text} {done}/{total}, {left}")

    return advance


def show_progress_of_numbers() -> None:
    """Lets `common.evaluation.progress` show what it is told, on the main process."""
    progress.show_by(_show, _tell)


class Throughput(Callback):
    """Measures samples a second and the share of time a step waits for its data.

    Waiting is the time from the end of one step to the start of the next: loading, transfer
    and making views. Both are clock readings, so they go to ``perf.csv`` only.

    Args:
        reporter: Told every ``log_every`` batches.
        step_samples: Samples of a step, on all devices together.
        log_every: Batches.
    """

    def __init__(self, reporter: Reporter, step_samples: int, log_every: int) -> None:
        self.reporter, self.step_samples, self.log_every = reporter, step_samples, log_every
        self.batches = 0
        self.waited = self.worked = 0.0
        self._ended = self._started = 0.0
        self._created, self._elapsed_before = time.perf_counter(), 0.0

    def state_dict(self) -> dict[str, Any]:
        """Returns the clock, so that a resumed run reports its whole time."""
        names = ("batches", "waited", "worked")
        return {"elapsed": self.elapsed_s, **{name: getattr(self, name) for name in names}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting."""
        self._elapsed_before = state_dict["elapsed"]
        self.batches, self.waited = state_dict["batches"], state_dict["waited"]
        self.worked = state_dict["worked"]

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run was started, time between sessions left out."""
        return self._elapsed_before + time.perf_counter() - self._created

    @property
    def samples_per_s(self) -> float:
        """Samples a second of training, evaluation left out."""
        total = self.waited + self.worked
        return self.step_samples * self.batches / total if total else 0.0

    @property
    def wait_share(self) -> float:
        """Share of the training time spent waiting for data, 0 to 1."""
        total = self.waited + self.worked
        return self.waited / total if total else 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock after an epoch's own work (evaluation, checkpoints)."""
        self._ended = time.perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Books the time since the last step as waiting."""
        self._started = time.perf_counter()
        if self._ended:
            self.waited += self._started - self._ended

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Books the step as work."""
        self._ended = time.perf_counter()
        self.worked += self._ended - self._started
        self.batches += 1
        seen = batches_seen(pl_module)
        if seen % self.log_every == 0:
            metrics = {
                "perf/samples_per_s": self.samples_per_s,
                "perf/data_wait_share": self.wait_share,
            }
            self.reporter.report(seen, trainer.current_epoch, metrics)
            self._ended = time.perf_counter()


class ProgressLine(Callback):
    """A bar on a terminal, a plain line every 15 seconds elsewhere."""

    def __init__(self, console: Console, batches: int | None) -> None:
        self.console, self.limit = console, batches
        self._bar: Progress | None = None
        self._drawn = self._started = 0.0
        self._first = 0
        self._told = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the bar at the position the run starts from."""
        total = int(trainer.num_training_batches) * (trainer.max_epochs or 0)
        self.total = min(total, self.limit) if self.limit is not None else total
        self._drawn = self._started = time.perf_counter()
        self._first = batches_seen(pl_module)  # of a resumed run, others were before
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self._task = self._bar.add_task("training", total=self.total)
            self._bar.start()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Redraws when the last drawing is old enough; says once what ``auto`` has found."""
        if not self._told and (part := trainer.callback_metrics.get("perf/microbatch")) is not None:
            self._told = True
            text = f"  trainer.microbatch=auto: at most {int(part):,} samples are encoded at once"
            self.console.print(text)
        now = time.perf_counter()
        if now - self._drawn < (REFRESH_S if self._bar else LINE_EVERY_S):
            return
        self._drawn = now
        text = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        text += f"  loss {float(outputs['loss']):.3f}"
        seen = batches_seen(pl_module)
        if self._bar:
            self._bar.update(self._task, completed=seen, description=text)
        else:
            done, total = seen - self._first, self.total - self._first
            left = time_left(now - self._started, done, total)
            self.console.print(f"  {text}  batch {seen}/{self.total}, {left}")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Takes the bar away: Lightning calls no teardown then."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Takes the bar away."""
        if self._bar:
            self._bar.stop()
            self._bar = None
