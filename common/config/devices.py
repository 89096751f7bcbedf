"""The devices that a recipe asks for, and which process of a run this is, by its launcher."""

import os
import re
import warnings

from common.errors import ConfigError

RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK")


def check_devices(devices: int | str, accelerator: str) -> None:
    """Raises `ConfigError` unless ``devices`` is a number, all of them, or a list of GPUs.

    Numbers in quotes are refused: Lightning reads them, and the number of processes would not.
    """
    if devices == "auto" or (isinstance(devices, int) and devices >= 1):
        return
    listed = isinstance(devices, str) and re.fullmatch(r"\d+(, *\d+)+", devices)
    numbers = [int(number) for number in str(devices).split(",")] if listed else []
    if devices != -1 and (not listed or len(set(numbers)) < len(numbers)):
        raise ConfigError(
            f"trainer.devices: at least 1, or -1 or auto for all, or a list of different GPUs "
            f"such as '0,2', got {devices!r}"
        )
    if accelerator == "cpu":
        raise ConfigError(
            f"trainer.devices={devices}: on the CPU, devices are processes; write how many"
        )


def is_main_process() -> bool:
    """Tells whether this process is the one that writes.

    torchrun's ``RANK`` says it. Without ``RANK``, the main process is the one in which every other
    rank is 0: a process that Lightning starts in a job without ``srun`` has the main one's
    ``SLURM_PROCID``, and a ``LOCAL_RANK`` of its own.
    """
    ranks = {name: number for name in RANKS if (number := launcher_number(name)) is not None}
    return ranks.get("RANK", max(ranks.values(), default=0)) == 0


def launched_by_lightning() -> bool:
    """Tells whether Lightning started this process beside a main one; torchrun sets ``RANK``."""
    return launcher_number("RANK") is None and (launcher_number("LOCAL_RANK") or 0) > 0


def launcher_number(name: str) -> int | None:
    """Returns a launcher's variable, None where it is not set or holds no number."""
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else None


def unset_unreadable_ranks() -> None:
    """Unsets launchers' variables that hold no number: Lightning reads them as int."""
    for name in (*RANKS, "SLURM_NTASKS", "JSM_NAMESPACE_RANK"):
        if name in os.environ and launcher_number(name) is None:
            if value := os.environ.pop(name):
                warnings.warn(f"{name}={value!r} is no number: ignored", stacklevel=2)
