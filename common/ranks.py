"""Which process of a run this is, by the variables of its launcher."""

import os
import warnings
from collections.abc import Mapping

RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK")


def is_main_process() -> bool:
    """Tells whether this process is the one that writes."""
    return process_rank() == 0


def launched_by_lightning() -> bool:
    """Tells whether Lightning started this process beside a main one; torchrun sets ``RANK``."""
    return launcher_number("RANK") is None and (launcher_number("LOCAL_RANK") or 0) > 0


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
