"""Where the metrics of a run are written."""

from common.tracking.metrics_file import MetricsFile
from common.tracking.wandb_run import Tracker


class Reporter:
    """Sends metrics to ``metrics.csv`` and the tracker; does nothing on other processes."""

    def __init__(self, files: MetricsFile | None, tracker: Tracker | None) -> None:
        self.files, self.tracker = files, tracker

    def report(self, batch: int, epoch: int, metrics: dict[str, float]) -> None:
        """Writes ``metrics`` of the moment after ``batch`` batches."""
        if self.files is not None and metrics:
            self.files.write(batch, epoch, metrics)
        if self.tracker is not None and metrics:
            self.tracker.log(batch, metrics)

    def cut(self, batch: int) -> None:
        """Forgets what was written after ``batch``: a resumed run writes it again."""
        if self.files is not None:
            self.files.cut(batch)

    def sync(self) -> None:
        """Forces what was written to the disk."""
        if self.files is not None:
            self.files.sync()
