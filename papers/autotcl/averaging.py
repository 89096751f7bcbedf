"""The encoder that is evaluated: the mean of all encoders on the way."""

import torch
from torch import Tensor, nn

from common.distributed.device import WHOLE_NUMBER
from common.distributed.draws import keyed_generator
from common.optim.ema import momentum_copy
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from papers.autotcl.backbone import DilatedEncoder


class AveragedEncoder(PaperModule):
    """An encoder that learns and the mean of its weights from the start on, which is evaluated.

    The mean follows each update, before anybody may write a checkpoint: subclasses optimize by
    hand and close each batch with `count_in_mean`.
    """

    encoder: DilatedEncoder
    average: DilatedEncoder
    draw_seed: Tensor

    def start_mean(self) -> None:
        """Starts the mean at ``encoder`` and registers position and seed; the last to draw."""
        self.automatic_optimization = False
        self.average = momentum_copy(self.encoder)
        # The draws are a function of it and the position, on every process alike.
        self.register_buffer("draw_seed", torch.randint(2**40, ()))

    def embed(self, x: Tensor) -> Tensor:
        """Returns the representation of each step, ``(batch, steps, dim)``."""
        return self.average(x)

    def embed_last(self, x: Tensor) -> Tensor:
        """Returns the last step's representation, ``(batch, dim)``, equal to that of `embed`."""
        return self.average.last(x)

    @property
    def backbone(self) -> DilatedEncoder:
        """The encoder that is evaluated, which is what an export writes."""
        return self.average

    def draws(self, stream: int) -> torch.Generator:
        """Returns the generator of one kind of draws of this iteration."""
        return keyed_generator(WHOLE_NUMBER.get(self.draw_seed), batches_seen(self), stream)

    def count_in_mean(self) -> None:
        """Takes the encoder as it now stands into the mean and counts the batch."""
        # The initial weights are the first of the mean.
        update_mean(self.average, self.encoder, batches_seen(self) + 1)
        count_batch(self)


@torch.no_grad()
def update_mean(average: nn.Module, online: nn.Module, count: int) -> None:
    """Takes ``online`` into the equal-weight mean of ``count`` earlier weights (the code's SWA)."""
    targets: list[Tensor] = list(average.parameters())
    torch._foreach_lerp_(targets, list(online.parameters()), 1 / (count + 1))
