"""What two or more papers share, and what no paper should own."""

from pathlib import Path
from typing import Any

__all__ = ["load"]


def load(run_dir: str | Path) -> Any:
    """Returns the trained LightningModule of a run, in evaluation mode, on the CPU.

    Args:
        run_dir: The run's folder, or one that ``papers export --to hub`` wrote.
    """
    import torch  # only when it is needed

    from common.runs.export import load_run
    from common.weights.hub import is_hub, load_hub

    threads = torch.get_num_threads()
    try:
        return load_hub(Path(run_dir)) if is_hub(Path(run_dir)) else load_run(Path(run_dir)).module
    finally:
        torch.set_num_threads(threads)  # the caller's own number, not the run's
