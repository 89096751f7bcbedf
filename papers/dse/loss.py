"""DSE's loss: that of the task, and the squared distance to the teacher's logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.precision import upcast


def task_loss(task: str, logits: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean loss of the task, a scalar.

    Args:
        task: ``binary`` (cross-entropy of a sigmoid), ``multi-class`` (of a softmax) or
            ``regression`` (squared error).
        logits: ``(batch, outputs)``.
        targets: ``(batch,)``: 0 or 1, the number of the class, or the score.
    """
    if task == "multi-class":
        return F.cross_entropy(logits, targets.long())
    values = targets.to(logits.dtype)
    if task == "binary":
        return F.binary_cross_entropy_with_logits(logits[:, 0], values)
    return F.mse_loss(logits[:, 0], values)


def as_students(task: str, teacher: Tensor) -> Tensor:
    """Returns the teacher's logits in the student's form, ``(batch, outputs)``.

    The two logits of a binary task become one, class 1 minus class 0.
    """
    if task == "binary" and teacher.shape[1] == 2:
        return teacher[:, 1:] - teacher[:, :1]
    return teacher


def distillation(logits: Tensor, teacher: Tensor) -> Tensor:
    """Returns the mean over pairs of the squared distance, summed over outputs, a scalar."""
    return (logits - teacher).square().sum(1).mean()


def dse_loss(
    task: str, logits: Tensor, targets: Tensor, teacher: Tensor | None, weight: float
) -> Tensor:
    """Returns ``(1 - weight) * task + weight * distillation``, a scalar in float32 or wider.

    Args:
        task: As in `task_loss`.
        logits: The student's, ``(batch, outputs)``.
        targets: ``(batch,)``.
        teacher: Its logits, ``(batch, outputs)``, of a binary task two or one; not read if the
            weight is 0.
        weight: Weight of the distillation.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits = upcast(logits)
        loss = (1 - weight) * task_loss(task, logits, targets)
        if teacher is None or not weight:
            return loss
        wanted = as_students(task, teacher.to(logits.dtype))
        return loss + weight * distillation(logits, wanted)
