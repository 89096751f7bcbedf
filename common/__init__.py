"""What two or more papers share, and what no paper should own."""

from pathlib import Path
from runpy import run_path
from typing import Any

__all__ = ["load"]

# An editable install finds our papers in another's `papers`, which then runs in place of ours.
run_path(str(Path(__file__).resolve().parents[1] / "papers" / "__init__.py"))["require_own"](
    "papers"
)


def load(run_dir: str | Path) -> Any:
    """Returns the trained LightningModule of a run, in evaluation mode, on the CPU.

    Args:
        run_dir: The run's folder, or one that ``papers export --to hub`` wrote.
    """
    import torch  # only when it is needed

    from common.export.hub import is_hub, load_hub
    from common.runs.folder import open_run
    from common.runs.loading import load_run

    threads = torch.get_num_threads()
    try:
        folder = Path(run_dir)
        return load_hub(folder) if is_hub(folder) else load_run(open_run(folder)).module
    finally:
        torch.set_num_threads(threads)  # the caller's own number, not the run's
