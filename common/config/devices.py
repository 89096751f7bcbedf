"""The devices that a recipe asks for, the cores there are, and which process of a run this is."""

import math
import os
import re
import warnings
from pathlib import Path

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


def usable_cores() -> int:
    """Returns how many cores this process may use, by its affinity and its groups' quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = cgroup_quota()
    return cores if quota is None else max(min(cores, math.ceil(quota)), 1)


def cgroup_quota(root: Path = Path("/")) -> float | None:
    """Returns how many cores' time Linux's control groups grant this process; None for any.

    Args:
        root: The folder that holds ``proc`` and ``sys``.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("cpu" if controllers else "")  # the second version has one
        group = top / path.lstrip("/")
        # A quota binds the groups below it too. Within a container the path may be the host's:
        # then only the topmost folder exists.
        for folder in (group, *group.parents):
            quotas.append(_quota_of(folder))
            if folder == top:
                break
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota_of(group: Path) -> float | None:
    try:
        if (group / "cpu.max").is_file():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        cores = int(quota) / int(period)
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return None
    return cores if cores > 0 else None
