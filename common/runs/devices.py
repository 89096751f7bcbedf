"""The processes, devices, threads and memory that a run takes of its machine.

No torch is imported before it is asked: OpenMP reads how its threads wait when it is loaded.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.config.devices import launcher_number, usable_cores
from common.config.schema import Recipe
from common.distributed.batch_share import check_share
from common.errors import ConfigError
from common.paper import get_paper

# Parameters. The operations of a smaller network are so short that threads wait for each other
# longer than they compute, above all beside other work; and on one thread its numbers are the same
# on machines with other core counts.
SMALL_NETWORK = 2**22
# The user's own bound on each process. It is read here, since a run of several processes sets the
# variable for those that it starts.
OMP_NUM_THREADS = os.environ.get("OMP_NUM_THREADS", "")
# For how long the cores are watched; the counters move a hundred times a second.
WATCHED_S = 0.3
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
# Names of glibc's malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 2**30  # bytes
MOST_KEPT = 2**31 - 1  # bytes of the heap's free end


def num_processes(recipe: Recipe) -> int:
    """Returns the processes the run will have, before any is started.

    Raises:
        ConfigError: If torchrun has started another number than the recipe says.
    """
    devices, accelerator = recipe.trainer.devices, recipe.trainer.accelerator
    per_node = devices if isinstance(devices, int) and devices > 0 else 1
    if per_node != devices and accelerator != "cpu":
        # "auto", -1 and lists are read by Lightning; what they can come to is the GPUs there are.
        import torch

        listed = isinstance(devices, str) and "," in devices
        per_node = len(str(devices).split(",")) if listed else max(torch.cuda.device_count(), 1)
    processes = per_node * recipe.trainer.nodes
    started = launcher_number("WORLD_SIZE")
    if started is not None and started != processes:
        raise ConfigError(
            f"trainer.devices: the launcher started {started} processes, the recipe says "
            f"{processes}; set trainer.devices={started // recipe.trainer.nodes or 1}"
        )
    return processes


def check_accelerator(recipe: Recipe) -> None:
    """Raises `ConfigError` if the recipe asks for a GPU or its precision and there is none."""
    settings = recipe.trainer
    names_gpus = settings.devices == -1 or "," in str(settings.devices)
    asks = settings.accelerator not in ("auto", "cpu") or settings.precision == "16-mixed"
    if not asks and not names_gpus:
        return
    import torch

    if names_gpus and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        raise ConfigError(
            f"trainer.devices={settings.devices}: torch sees no GPU; write how many processes"
        )
    if settings.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        if settings.accelerator == "cuda" or not torch.backends.mps.is_available():
            raise ConfigError(
                f"trainer.accelerator={settings.accelerator}: torch sees no GPU; use auto or cpu"
            )
    if settings.precision == "16-mixed" and not torch.cuda.is_available():
        raise ConfigError("trainer.precision: 16-mixed needs a GPU; use bf16-mixed or 32-true")


def strategy_of(recipe: Recipe) -> str:
    """Returns the Lightning strategy.

    Raises:
        ConfigError: If the paper refuses several processes, accumulation or clipping, or the batch
            cannot be divided.
    """
    check_accelerator(recipe)
    processes, paper = num_processes(recipe), get_paper(recipe.paper)
    if paper.manual_optimization and recipe.trainer.accumulate > 1:
        raise ConfigError(
            f"trainer.accumulate: {paper.name} makes several updates from each batch; set it to 1"
        )
    if paper.manual_optimization and recipe.optimizer.clip_norm is not None:
        raise ConfigError(f"optimizer.clip_norm: {paper.name} takes its steps itself; use null")
    if processes == 1:
        return recipe.trainer.strategy
    has_no_batches = getattr(recipe.data, "batch_size", 1) is None
    if paper.ddp_strategy is None or has_no_batches:
        raise ConfigError(
            f"trainer.devices: {paper.name} runs on one device only: {paper.ddp_refusal}"
        )
    check_share(recipe.global_batch, processes)
    return paper.ddp_strategy if recipe.trainer.strategy == "auto" else recipe.trainer.strategy


def threads_of(recipe: Recipe, parameters: int) -> int:
    """Returns how many threads each process computes on, with a network of ``parameters``."""
    import torch

    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    on_cpu = recipe.trainer.accelerator == "cpu" or not has_gpu
    beside = num_processes(recipe) // recipe.trainer.nodes
    return choose_threads(recipe.trainer.threads, parameters, on_cpu, beside)


def evaluation_device(recipe: Recipe) -> Any:
    """Returns the one device that measures outside of a training: Lightning's first choice.

    It need not be one that the recipe was trained on.
    """
    from lightning.fabric import Fabric

    accelerator = "cpu" if recipe.trainer.accelerator == "cpu" else "auto"
    return Fabric(accelerator=accelerator, devices=1).device


def let_threads_sleep() -> None:
    """Has OpenMP's threads sleep while they wait, unless the user has set how they wait.

    By default they spin, which takes the time of other work on the same cores and of each other's.
    Call it before torch is imported; processes that are started later inherit it.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def choose_threads(setting: int | None, parameters: int, on_cpu: bool, processes: int = 1) -> int:
    """Returns how many threads each process of a run computes on.

    Args:
        setting: The recipe's ``trainer.threads``, which wins; None if it leaves the choice.
        parameters: How many numbers the network holds.
        on_cpu: Whether the network is trained on the CPU; beside a GPU the threads make views.
        processes: How many processes of the run share this machine's cores.
    """
    if setting is not None:
        return setting
    if on_cpu and parameters <= SMALL_NETWORK:
        return 1
    share = usable_cores() // processes
    return max(min(share, int(OMP_NUM_THREADS)) if OMP_NUM_THREADS.isdecimal() else share, 1)


def too_many_threads(
    threads: int, root: Path = Path("/"), pause: Callable[[float], None] = time.sleep
) -> str | None:
    """Returns what to say where fewer cores are idle than ``threads`` need, else None.

    The threads of an operation wait for the slowest. Beside other work they can take several times
    the CPU time of one thread, and be no faster.

    Args:
        threads: What this process is about to compute on.
        root: The folder that holds ``proc``; where it tells of no core, nothing is said.
        pause: Waits for so many seconds, in which the cores are watched.
    """
    if threads == 1:
        return None
    before = _idle_s(root)
    pause(WATCHED_S)
    idle = (_idle_s(root) - before) / WATCHED_S
    if idle > threads - 0.5 or before == 0.0:
        return None
    fewer = max(int(idle), 1)
    return (
        f"{threads} threads, but {idle:.1f} cores are idle: trainer.threads={fewer} takes less CPU "
        "time and may be as fast"
    )


def _idle_s(root: Path) -> float:
    """Returns for how long the cores that this process may use were idle, all of them together."""
    try:
        lines = (root / "proc/stat").read_text().splitlines()
        mine = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    except (OSError, AttributeError):  # there is none outside of Linux
        return 0.0
    rows = [line.split() for line in lines]
    ticks = sum(int(row[4]) + int(row[5]) for row in rows if row and row[0] in mine)
    return ticks / os.sysconf("SC_CLK_TCK")


def keep_memory() -> None:
    """Lets glibc reuse freed blocks of up to 1 GiB; elsewhere nothing is changed.

    By itself it gives blocks of over 32 MiB back at once, and each step pays for zeroed pages anew:
    nearly half the time of a step whose activations are large. Numbers do not change.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # Other C libraries of Linux have none. An older glibc refuses so large a block (the result is
    # 0), and any second setting would then end its own adapting of what it keeps.
    if mallopt is not None and mallopt(MMAP_THRESHOLD, LARGEST_KEPT) == 1:
        mallopt(TRIM_THRESHOLD, MOST_KEPT)
