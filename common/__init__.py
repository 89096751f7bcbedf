"""What two or more papers share, and what no paper should own."""

from pathlib import Path
from typing import Any

__all__ = ["load"]


def load(run_dir: str | Path) -> Any:
    """Returns the trained LightningModule of a run, in evaluation mode, on the CPU."""
    from common.artifacts import load_run  # torch is imported only when it is needed

    return load_run(Path(run_dir)).module
