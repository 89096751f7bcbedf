"""What a run depended on beside its recipe: commit, versions and hardware.

No host name, user or path is among it: records are published.
"""

import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common.config.checkout import SOURCE_ROOT
from common.config.devices import usable_cores

PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "torch_geometric",
    "numpy",
    "scipy",
    "scikit-learn",
    "wandb",
)
# Whose networks `papers evaluate` takes: the word before the colon, and what pip calls it.
LIBRARIES = {
    "timm": "timm",
    "torchvision": "torchvision",
    "hf": "transformers",
    "open_clip": "open_clip_torch",
}
# Records and notes written by a run must not make the next run dirty.
SOURCE_FOLDERS = ("papers", "common", "configs", "pyproject.toml")


@dataclass(frozen=True)
class Environment:
    """The facts as a record stores them."""

    commit: str | None
    dirty: bool | None
    versions: dict[str, str]
    hardware: dict[str, str | int | None]


def describe_environment(root: Path = SOURCE_ROOT) -> Environment:
    """Returns the environment of this process and the state of the checkout at ``root``."""
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *SOURCE_FOLDERS)
    return Environment(
        commit=commit or None,
        dirty=None if changes is None else bool(changes),
        versions=installed_versions(),
        hardware={"cpu": cpu_name(), "cores": usable_cores(), "accelerator": accelerator()},
    )


def _git(root: Path, *arguments: str) -> str | None:
    """Returns the output, or None without git or outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def installed_versions(*more: str) -> dict[str, str]:
    """Returns ``{package: version}`` of Python, what can change a number, and ``more``."""
    found = {"python": platform.python_version()}
    for name in (*PACKAGES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def cpu_name() -> str:
    """Returns the processor's model name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def accelerator() -> str | None:
    """Returns the first GPU's name; None without one or where torch was never imported."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name(0))
