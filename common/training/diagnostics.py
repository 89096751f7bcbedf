"""What shows a collapse: spread and rank of embeddings; a warning once."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from lightning import LightningModule
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from common.losses.spread import effective_rank
from common.training.position import Position, batches_seen


def is_log_due(module: LightningModule) -> bool:
    """Tells whether the running step's metrics are written, so that others cost nothing.

    ``self.log`` takes half a millisecond, and a value logged on another step would be written
    again as if it were of this one.
    """
    trainer: Any = module._trainer
    # Outside of a fit `self.log` has nowhere to write.
    if trainer is None or not trainer.log_every_n_steps or not trainer.training:
        return False
    if not any(isinstance(each, Position) for each in trainer.callbacks):
        # A stock Trainer counts from the start of its own fit. The last batch speaks for its epoch:
        # callbacks such as `EarlyStopping` look then, and few batches may be no interval.
        return trainer.is_last_batch or bool(trainer._logger_connector.should_update_logs)
    due: bool = (batches_seen(module) + 1) % trainer.log_every_n_steps == 0
    return due


@torch.no_grad()
def embedding_std(z: Tensor) -> Tensor:
    """Returns the mean standard deviation of ``z`` ``(batch, dim)``; about dim^-0.5 if spread."""
    return z.float().std(dim=0, unbiased=False).mean()


class CollapseWarning:
    """Warns once, with what was seen and what helps; the training goes on."""

    def __init__(self, advice: str) -> None:
        self.advice = advice
        self.given = False

    def check(self, signs: dict[str, bool], batch: int) -> None:
        """Warns if any of ``signs`` (what it means -> whether it is so) holds at ``batch``."""
        found = [sign for sign, holds in signs.items() if holds]
        if found and not self.given:
            self.given = True
            rank_zero_warn(f"collapse at batch {batch}: {'; '.join(found)}. {self.advice}")


@torch.no_grad()
def log_embeddings(
    module: LightningModule, loss: Tensor, z: Tensor, collapse: CollapseWarning
) -> None:
    """Logs ``train/loss`` and, of ``z`` ``(batch, dim)``, spread and rank; warns of a collapse.

    Does nothing on steps that are not written.
    """
    if not is_log_due(module):
        return
    std = embedding_std(F.normalize(z.float(), dim=1))
    module.log("train/loss", loss.detach(), sync_dist=True)
    module.log("diag/embedding_std", std)
    module.log("diag/effective_rank", effective_rank(z))
    flat = float(std) < 0.01 / math.sqrt(z.shape[1])
    collapse.check({"embeddings do not differ": flat}, int(module.get_buffer("batches_seen")) + 1)
