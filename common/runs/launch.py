"""How many processes a run has, and whether its paper allows them."""

from typing import Any

from common.config.schema import Recipe
from common.distributed.batch_share import check_share
from common.errors import ConfigError
from common.paper import get_paper
from common.ranks import launcher_number
from common.runs.cores import choose_threads


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
