"""What two or more papers share, and what no paper should own."""

from pathlib import Path
from typing import Any

__all__ = ["load"]


def load(run_dir: str | Path) -> Any:
    """Returns the trained LightningModule of a run, in evaluation mode, on the CPU."""
    import torch  # only when it is needed

    from common.runs.export import load_run

    threads = torch.get_num_threads()
    try:
        return load_run(Path(run_dir)).module
    finally:
        torch.set_num_threads(threads)  # the caller's own number, not the run's
