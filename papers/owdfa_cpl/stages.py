"""The multi-stage extension: pre-training, CPL, and rounds on the labels that CPL has given.

The abstract promises it; the published code has its pieces and nothing that joins them. A faithful
reading (UNVERIFIED): train on labelled images, go on with CPL, predict the unlabelled ones, go on
with those predictions as labels beside CPL's own losses, and again.
"""

import torch
from torch import Tensor, nn

NONE = -1


class Relabelling(nn.Module):
    """Remembers the last prediction of each unlabelled image and hands it out a round later.

    Several processes: each is given the rows of all, so that the memories stay equal.

    Args:
        num_samples: Unlabelled training images.
        pretrain_epochs: Epochs before the first round, which has no given labels.
        round_epochs: Epochs of a round; 0: there is but the first.
    """

    latest: Tensor
    given: Tensor
    round: Tensor

    def __init__(self, num_samples: int, pretrain_epochs: int, round_epochs: int) -> None:
        super().__init__()
        self.pretrain_epochs, self.round_epochs = pretrain_epochs, round_epochs
        size = num_samples if round_epochs else 0
        for name in ("latest", "given"):
            self.register_buffer(name, torch.full((size,), NONE))
        self.register_buffer("round", torch.zeros((), dtype=torch.int64))

    def pretrains(self, epoch: int) -> bool:
        """Tells whether ``epoch`` is of the pre-training."""
        return epoch < self.pretrain_epochs

    @torch.no_grad()
    def labels(self, places: Tensor, logits: Tensor, epoch: int) -> Tensor:
        """Returns the given labels ``(rows,)``, `NONE` where there is none, then remembers.

        Args:
            places: Numbers of the rows among all unlabelled images.
            logits: Their present scores, ``(rows, classes)``.
            epoch: Epoch of the whole training.
        """
        if not self.round_epochs:
            return torch.full_like(places, NONE)
        number = (epoch - self.pretrain_epochs) // self.round_epochs
        if number > int(self.round):
            self.given.copy_(self.latest)
            self.round.fill_(number)
        self.latest[places] = logits.argmax(dim=1)
        return self.given[places]
