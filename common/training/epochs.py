"""From which epoch on a part of a method acts."""

from lightning import LightningModule

from common.training.position import batches_seen


def epoch_reached(module: LightningModule, epoch: int) -> bool:
    """Tells whether the next batch is in ``epoch``, counted from 0, or later.

    Without a Trainer nobody counts epochs: every one is reached.
    """
    if not epoch or module._trainer is None:
        return True
    return batches_seen(module) >= epoch * int(module.trainer.num_training_batches)
