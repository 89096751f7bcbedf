"""How many threads a run computes on, and how they wait for each other.

Imports no torch: OpenMP reads how its threads wait when it is loaded.
"""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

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
