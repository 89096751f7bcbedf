"""How many processes a run has, and whether its paper allows them."""

import os
import warnings
from collections.abc import Mapping
from typing import Any

from common.config.schema import Recipe
from common.distributed.batch_share import check_share
from common.errors import ConfigError
from common.paper import get_paper
from common.runs.cores import choose_threads

RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK")


def is_main_process() -> bool:
    """Tells whether this process is the one that writes."""
    return process_rank() == 0


def launched_by_lightning() -> bool:
    """Tells whether Lightning started this process beside a main one; torchrun sets ``RANK``."""
    return launcher_number("RANK") is None and (launcher_number("LOCAL_RANK") or 0) > 0


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


def process_rank(environment: Mapping[str, str] | None = None) -> int:
    """Returns 0 in the main process, and in it alone.

    torchrun's ``RANK`` says it. Without ``RANK``, the main process is the one in which every other
    rank is 0: a process that Lightning starts in a job without ``srun`` has the main one's
    ``SLURM_PROCID``, and a ``LOCAL_RANK`` of its own.
    """
    numbers = {name: launcher_number(name, environment) for name in RANKS}
    ranks = {name: number for name, number in numbers.items() if number is not None}
    return ranks.get("RANK", max(ranks.values(), default=0))


def launcher_number(name: str, environment: Mapping[str, str] | None = None) -> int | None:
    """Returns a launcher's variable, None where it is not set or holds no number."""
    value = (os.environ if environment is None else environment).get(name, "")
    return int(value) if value.isdecimal() else None


def unset_unreadable_ranks() -> None:
    """Unsets launchers' variables that hold no number: Lightning reads them as int."""
    for name in (*RANKS, "SLURM_NTASKS", "JSM_NAMESPACE_RANK"):
        if name in os.environ and launcher_number(name) is None:
            if value := os.environ.pop(name):
                warnings.warn(f"{name}={value!r} is no number: ignored", stacklevel=2)
