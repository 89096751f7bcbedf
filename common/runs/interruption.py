"""How a run ends: it is stopped and can go on, its log says why, and its folder is given back."""

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self

from lightning import Callback, LightningModule, Trainer
from rich.console import Console

from common.config.devices import is_main_process, launched_by_lightning
from common.data.workers import died_in_words
from common.distributed.rendezvous import until_joined
from common.errors import LikewiseError
from common.results.record import Record
from common.runs.checkpoints import Checkpoints, is_between_updates
from common.runs.folder import RunFolder
from common.runs.summary import training_text
from common.training.position import batches_seen

# What a user, a cluster and a terminal that is closed end a run with.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What torch says of a full memory on each kind of device.
FULL = re.compile("out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
MEMORY_ADVICE = (
    "the memory is full: let the encoder take the batch in parts with trainer.microbatch=auto, or "
    "a smaller number where it is set (in place of batch norm this needs a backbone such as "
    "resnet18_gn); or lower data.batch_size"
)
# What a decomposition of torch's says, such as that of embeddings for their rank.
NON_FINITE = "contained non-finite values"
DIVERGED = "optimizer.lr: values are not finite any more; lower it, or look at data and loss"


def heeded() -> tuple[int, ...]:
    """Returns the signals to listen to: not SIGHUP where it is ignored, as under ``nohup``."""
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return SIGNALS[:2] if is_ignored else SIGNALS


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Within it signals wait, and go to their handlers at its end; for short work.

    SIGTERM goes first, whenever it came: a handler that raises hides what comes after it, and a
    cluster that takes its machine back must get the answer to its own signal.
    """
    former = {number: signal.getsignal(number) for number in heeded()}
    # Python runs handlers in its main thread alone; None is a handler that it did not set.
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or None in former.values():
        yield
        return
    came: list[int] = []

    def wait(number: int, _frame: Any) -> None:
        came.append(number)

    try:
        with ExitStack() as handlers:  # each is given back, though another is raised here
            for number, handler in former.items():
                handlers.callback(signal.signal, number, handler)
                signal.signal(number, wait)
            yield
    finally:
        for number in sorted(came, key=lambda number: number != signal.SIGTERM):
            signal.raise_signal(number)


class RunStopped(LikewiseError):
    """The run was stopped from outside; its checkpoint is written.

    ``by_user`` tells a signal, to any of the processes, from a spent budget.
    """

    by_user = False


class Terminations:
    """Within it SIGTERM and SIGHUP end the work as Ctrl-C does, by a `KeyboardInterrupt`, once.

    `Stopping` takes the signals over while batches are trained. ``word`` is for the last message.
    """

    word = "interrupted"

    def __enter__(self) -> Self:
        """Listens."""
        heard = (number for number in heeded() if number != signal.SIGINT)
        self._former = {number: signal.signal(number, self._handle) for number in heard}
        return self

    def _handle(self, signum: int, _frame: Any) -> None:
        first, self.word = self.word == "interrupted", f"stopped by {signal.Signals(signum).name}"
        if first:  # another must not cut short what is done in answer to this one
            raise KeyboardInterrupt

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives the signals back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)


class Stopping(Callback):
    """Stops at a deadline or a signal, to be resumed.

    Args:
        checkpoints: Writes the checkpoint of the stop.
        deadline: `time.monotonic` value after which the run stops, or None.
    """

    def __init__(self, checkpoints: Checkpoints, deadline: float | None) -> None:
        self.checkpoints, self.deadline = checkpoints, deadline
        self._reason = ""
        self._former: dict[int, Any] = {}
        self._joined = threading.Event()

    @contextmanager
    def around_fit(self, trainer: Trainer) -> Iterator[None]:
        """On several devices of one node, lets signals wait for the first batch from the launch on.

        A process that one ended before it has joined the others would leave them waiting for it,
        and Lightning kills them without a word. Over several nodes Ctrl-C and SIGTERM are not held
        back: a node may never come.
        """
        if not _joins_on_one_node(trainer):
            yield
            return
        former = {number: signal.getsignal(number) for number in heeded()}
        try:
            for number in former:
                signal.signal(number, self._make_handler(number))
            # Lightning's processes begin with them held back: they have no handlers for seconds.
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            with until_joined(trainer, self._joined):
                yield
        finally:
            try:
                for number, handler in former.items():
                    signal.signal(number, handler)
            finally:  # one that another thread took is raised in between
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        # It came where no batch was left to look for it. Lightning kills a main process beside one
        # that leaves with an error, so the main one answers.
        if self._reason.startswith("SIG") and trainer.is_global_zero:
            signal.raise_signal(signal.Signals[self._reason])

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Lets a signal through that was held back: all processes have joined."""
        self._joined.set()
        if _joins_on_one_node(trainer):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listens to Ctrl-C, SIGTERM and SIGHUP."""
        for number in heeded():
            self._former[number] = signal.signal(number, self._make_handler(number))

    def _make_handler(self, number: int) -> Callable[[int, Any], None]:
        def handler(_signum: int, _frame: Any) -> None:
            if self._reason.startswith("SIG") and number == signal.SIGINT:
                raise KeyboardInterrupt
            self._reason = signal.Signals(number).name

        return handler

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Looks at the deadline and the signals; gradients that are held wait for their update."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            self._reason = self._reason or "budget"
        stop = self._one_says(trainer, bool(self._reason))
        goes_on = not trainer.should_stop and batch_idx + 1 < trainer.num_training_batches
        if stop and goes_on and is_between_updates(trainer, batch_idx):
            self._save_and_stop(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops after the last batch of an epoch, when the epoch's own work is done."""
        stop = self._one_says(trainer, bool(self._reason))
        is_last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if stop and not is_last:
            self._save_and_stop(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back before Lightning gives back its own.

        Later it would put Lightning's handler in again, which keeps trainer, module and data alive.
        A signal in the last epoch stops here, where its checkpoint has been written; a run that has
        spent its budget is evaluated.
        """
        self.teardown(trainer, pl_module, "fit")
        if self._one_says(trainer, self._reason.startswith("SIG")):
            self._stop(trainer, pl_module, "before the evaluation")

    def _one_says(self, trainer: Trainer, stop: bool) -> bool:
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        return stop

    def _save_and_stop(self, trainer: Trainer, pl_module: LightningModule) -> None:
        saved = self.checkpoints.save(trainer, pl_module)
        self._stop(trainer, pl_module, f"saved {saved.name}")

    def _stop(self, trainer: Trainer, pl_module: LightningModule, state: str) -> None:
        reason = self._reason or "another process"
        stop = RunStopped(f"stopped by {reason} after {batches_seen(pl_module)} batches, {state}")
        stop.by_user = self._one_says(trainer, reason.startswith("SIG"))
        raise stop

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Gives the signals back: Lightning calls no teardown then."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Gives the signals back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}


def _joins_on_one_node(trainer: Trainer) -> bool:
    return trainer.num_nodes == 1 and trainer.num_devices > 1


@contextmanager
def _deaths_in_words() -> Iterator[None]:
    """Says how a worker died, that the memory is full or that weights diverged, and the mend.

    Torch's signal handler raises wherever the training stands, also outside of the loader. Code
    that it interrupts may make an error of its own of it, as `inspect` does.
    """
    try:
        yield
    except Exception as error:
        first: BaseException | None = error
        while first is not None:
            if isinstance(first, RuntimeError):
                full = FULL.search(str(first)) and MEMORY_ADVICE
                diverged = NON_FINITE in str(first) and DIVERGED
                if said := died_in_words(first) or full or diverged:
                    raise LikewiseError(said) from error
            first = first.__cause__ or first.__context__
        raise


@contextmanager
def ended_in_words(run: RunFolder, terminations: Terminations) -> Iterator[None]:
    """Says in the log, too, why the work on ``run`` ended early; gives the folder back."""
    go_on = f"go on with: papers resume {run.path}"
    try:
        with _deaths_in_words():
            yield
    except LikewiseError as error:
        if isinstance(error, RunStopped) and not is_main_process():
            # All stop together. Lightning kills a main process beside one that left with an error;
            # another launcher hears from each process what it hears from the main one.
            raise SystemExit(int(error.by_user and not launched_by_lightning())) from None
        if is_main_process() and any(run.checkpoints.glob("batch-*.ckpt")):
            error.args = (f"{error}\n{go_on}",)
        run.say(f"ended: {error}", Console(quiet=True))
        raise
    except (KeyboardInterrupt, SystemExit, RuntimeError) as error:
        # Lightning makes the second of the first, and the third where it has no batches yet.
        if isinstance(error, RuntimeError) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        if not is_main_process():
            # The main one says it, and Ctrl-C comes to all: Lightning would kill the main process
            # beside an error. A SIGTERM may be for this one alone, whose launcher must hear of it.
            to_all = launched_by_lightning() and terminations.word == "interrupted"
            raise SystemExit(int(not to_all)) from None
        stop = RunStopped(f"{terminations.word}; {go_on}")
        stop.by_user = True
        run.say(str(stop), Console(quiet=True))
        raise stop from None
    finally:
        run.unlock()


def to_the_end(run: RunFolder, record: Record | None) -> Record | None:
    """Says in the log that the run is complete, as long as the folder is this process's."""
    if record is not None:
        run.say(f"complete: {training_text(record) or 'nothing trained'}", Console(quiet=True))
    return record
