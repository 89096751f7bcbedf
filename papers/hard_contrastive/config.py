"""The ``method:`` section of the hard contrastive loss.

Sources: equations, sections and tables are of arXiv 2012.09740. The paper names no code, and its
supplement could not be read. MoCo's fields stand where the paper has a memory bank.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from common.errors import ConfigError
from common.methods.config import MoCoConfig
from common.registry import BACKBONES
from common.settings import setting


@dataclass
class HardContrastiveConfig(MoCoConfig):
    """Defaults: the hard contrastive loss on CIFAR-10."""

    # Table 1: ResNet-18 with a 3x3 first convolution on small images.
    backbone: str = setting("resnet18", choices=BACKBONES)
    stem: str = setting("cifar", choices=("imagenet", "cifar", "deep"))
    # Ours: the paper's head is not given.
    hidden_dim: int = setting(512, at_least=1)
    # Table 1: on CIFAR-10 the best of 0.07, 0.3, 0.7 and 1, with 0.7.
    temperature: float = setting(1.0, above=0)
    # alpha (Eq. 8): the share of the negatives, the nearest of each anchor, that take part. 1: all
    # of them, the plain loss.
    hard_share: float = setting(0.0819, above=0, at_most=1)
    # Eq. 1 and 9; or without a temperature (Eq. 3): the positive against the mean of the negatives.
    loss: str = setting("softmax", choices=("softmax", "simple"))
    # Ours: a queue in place of the bank of all 50,000 images. Each image returns once an epoch, and
    # a longer queue more often holds its own last key, which would be the hardest negative.
    queue_length: int = setting(16384, at_least=1)
    momentum: float = setting(0.99, at_least=0, at_most=1)
    # One GPU: there are no groups to deal the keys to.
    batch_norm_groups: int = setting(1, at_least=1)

    # Epochs after which the rate falls to a tenth; Table 1 has 160 and 190 of 200.
    drop_epochs: list[int] = setting([], at_least=1)

    def check(self, recipe: Any) -> None:
        """Checks what depends on other fields and sections, MoCo's own checks included.

        Raises:
            ConfigError: Drops that do not rise, lie beyond the training, or fall along a schedule.
        """
        super().check(recipe)
        places = [0, *self.drop_epochs, recipe.trainer.epochs]
        if self.drop_epochs and any(after <= before for before, after in pairwise(places)):
            raise ConfigError(
                f"method.drop_epochs: {self.drop_epochs} must rise, and lie within "
                f"trainer.epochs={recipe.trainer.epochs}"
            )
        if self.drop_epochs and recipe.optimizer.schedule != "constant":
            raise ConfigError(
                f"method.drop_epochs: optimizer.schedule={recipe.optimizer.schedule} moves the "
                "rate already; use constant, or no drops"
            )

    @property
    def num_hard(self) -> int:
        """How many negatives of an anchor take part."""
        return max(1, round(self.hard_share * self.queue_length))
