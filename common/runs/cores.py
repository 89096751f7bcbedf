"""How many threads a run computes on, and how they wait for each other.

Imports no torch: OpenMP reads how its threads wait when it is loaded.
"""

import math
import os
from pathlib import Path

# Parameters. The operations of a smaller network are so short that threads wait for each other
# longer than they compute, above all beside other work; and on one thread its numbers are the same
# on machines with other core counts.
SMALL_NETWORK = 2**22
# The user's own bound on each process. It is read here, since a run of several processes sets the
# variable for those that it starts.
OMP_NUM_THREADS = os.environ.get("OMP_NUM_THREADS", "")
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
