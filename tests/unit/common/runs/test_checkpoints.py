from types import SimpleNamespace

import pytest

from common.runs.checkpoints import AtomicCheckpointIO, Checkpoints
from common.tracking.metrics_file import MetricsFile, read_metrics
from common.tracking.tracker import Reporter as FileReporter
from common.training.position import read_checkpoint
from tests.states import Counted


class Trainer(SimpleNamespace):
    """Five batches an epoch, six epochs; saves what a checkpoint needs."""

    def __init__(self, **changes):
        values = {
            "should_stop": False,
            "num_training_batches": 5,
            "accumulate_grad_batches": 1,
            "current_epoch": 0,
            "max_epochs": 6,
            "is_global_zero": True,
            "seen": 0,
        }
        super().__init__(**{**values, **changes})

    def save_checkpoint(self, path, weights_only):
        AtomicCheckpointIO().save_checkpoint({"likewise": {"batches_seen": self.seen}}, path)


class Reporter:
    def __init__(self, folder):
        self.folder, self.synced = folder, []

    def sync(self):
        self.synced.append(names(self.folder))


def names(folder):
    return [path.name for path in sorted(folder.iterdir())]


def run(folder, epochs, every_epochs=1, every_batches=None, **changes):
    """Drives the callback as Lightning would; returns (batch, epoch end) of each writing."""
    reporter = Reporter(folder)
    callback = Checkpoints(folder, every_epochs, every_batches, reporter)
    written = []
    callback.save = lambda trainer, module: written.append(int(module.batches_seen))
    for epoch in range(epochs):
        trainer = Trainer(current_epoch=epoch, **changes)
        for index in range(5):
            module = Counted(epoch * 5 + index + 1)
            callback.on_train_batch_end(trainer, module, {}, None, index)
        callback.on_train_epoch_end(trainer, module)
    return written


def test_the_newest_two_stay_and_best_is_left_alone(tmp_path):
    (tmp_path / "best.ckpt").write_bytes(b"best")
    callback = Checkpoints(tmp_path, 1, None, Reporter(tmp_path))
    for seen in (5, 10, 15, 1000):
        callback.save(Trainer(seen=seen), Counted(seen))
    assert names(tmp_path) == ["batch-000000015.ckpt", "batch-000001000.ckpt", "best.ckpt"]
    assert read_checkpoint(tmp_path / "batch-000001000.ckpt")["likewise"]["batches_seen"] == 1000


def test_a_saving_returns_its_path_and_overwrites_its_own_position(tmp_path):
    callback = Checkpoints(tmp_path, 1, None, Reporter(tmp_path))
    assert callback.save(Trainer(), Counted(3)) == callback.save(Trainer(), Counted(3))
    assert names(tmp_path) == ["batch-000000003.ckpt"]


def test_the_metrics_are_on_the_disk_before_the_checkpoint_that_counts_on_them(tmp_path):
    reporter = Reporter(tmp_path)
    Checkpoints(tmp_path, 1, None, reporter).save(Trainer(), Counted(3))
    assert reporter.synced == [[]], "synced once, while the folder was still empty"


def test_only_the_main_process_removes(tmp_path):
    callback = Checkpoints(tmp_path, 1, None, Reporter(tmp_path))
    for seen in (1, 2, 3):
        callback.save(Trainer(is_global_zero=False), Counted(seen))
    assert len(names(tmp_path)) == 3


def test_one_that_is_due_waits_for_the_update_of_accumulated_gradients(tmp_path):
    settings = {"every_epochs": 100, "every_batches": 3, "accumulate_grad_batches": 2}
    # Five batches an epoch: updates after 2, 4, 5, 7, 9, 10 and so on.
    assert run(tmp_path, 2, **settings) == [4, 7, 9, 10]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"every_epochs": 1}, [5, 10, 15, 20, 25, 30]),
        ({"every_epochs": 2}, [10, 20, 30]),
        ({"every_epochs": 4}, [20, 30]),  # the last epoch's end always
        ({"every_epochs": 100}, [30]),
        ({"every_epochs": 100, "every_batches": 4}, [4, 8, 12, 16, 20, 24, 28, 30]),
        ({"every_epochs": 3, "every_batches": 5}, [5, 10, 15, 20, 25, 30]),  # once
    ],
)
def test_when_they_are_written(settings, expected, tmp_path):
    assert run(tmp_path, 6, **settings) == expected


def test_a_run_that_stops_early_writes_its_last_one_at_the_epochs_end_only(tmp_path):
    written = run(tmp_path, 1, every_epochs=100, every_batches=1, should_stop=True)
    assert written == [5]


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path):
    reporter = FileReporter(MetricsFile(tmp_path), None)
    for batch in (1, 2, 3):
        reporter.report(batch, 0, {"train/loss": float(batch)})
    Checkpoints(tmp_path, 1, None, reporter).on_train_start(Trainer(), Counted(2))
    assert [row.batch for row in read_metrics(tmp_path / "metrics.csv")] == [1, 2]
