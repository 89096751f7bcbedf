"""The ``method:`` section of AMCL: generation 2 of the official code on small images.

Sources: "Table 2" is of arXiv 2310.05615; "generation 1" and "2" are the official repository at
commits 3318352 and 755799d. The paper's text beyond its loss tables could not be read, so values
without a table are the code's.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.methods.config import BackboneConfig, check_one_size, check_pairs, check_queue
from common.registry import BACKBONES
from common.settings import setting

BASES = ("simclr", "moco", "simsiam", "barlow-twins")


@dataclass
class AMCLConfig(BackboneConfig):
    """Defaults: SimCLR with three heads on images of 32 pixels."""

    # The method whose pairs and networks AMCL takes over (Table 2).
    base: str = setting("simclr", choices=BASES)
    # Both generations: ResNet-18 with a 3x3 stem.
    backbone: str = setting("resnet18", choices=BACKBONES)
    stem: str = setting("cifar", choices=("imagenet", "cifar"))
    # C projection heads of one shape; both generations have 3.
    num_heads: int = setting(3, at_least=1)
    # Generation 2: heads 512-512-128 (simclr, moco, no batch norm); 2048 and 2048, three layers
    # with batch norm, for simsiam and barlow-twins.
    hidden_dim: int = setting(512, at_least=1)
    output_dim: int = setting(128, at_least=1)
    # Eq. 3, or one value for all pairs (an ablation).
    temperature: str = setting("adaptive", choices=("adaptive", "constant"))
    constant_temperature: float = setting(0.5, above=0)
    # Bounds of Eq. 3 (generation 2); a floor of 0.05 keeps the log-sum-exp form stable.
    temperature_min: float = setting(1e-5, above=0)
    temperature_max: float = setting(2.0, above=0)
    # phi's hidden layer (generation 2).
    temperature_hidden_dim: int = setting(128, at_least=1)
    # Multiplies phi's initial weights; a Barlow base may need less than 1.
    temperature_init_scale: float = setting(1.0, at_least=0)
    # Scores as cosines: bounded, and not the paper's.
    normalise_scores: bool = False
    # Weight of Omega: 1e-4, and 1e-6 for barlow-twins (generation 2); 0.1 in generation 1. The
    # paper's own value could not be verified.
    beta: float = setting(1e-4, at_least=0)
    # What the negatives push by: the mean over the top_k nearest (generation 2), or all of them in
    # a log-sum-exp.
    negatives: str = setting("top-k", choices=("top-k", "log-sum-exp"))
    # Generation 2; the paper's Eq. 2.1 has 1. Above the negatives that there are: all of them.
    top_k: int = setting(100, at_least=1)
    # Omega of negatives: log tau + 1 / tau (generation 2), or with d' / 2 as in Table 2.
    negative_omega: str = setting("generation-2", choices=("generation-2", "paper"))
    # Eq. 2.4: the positive is one of the negatives.
    positive_among_negatives: bool = False
    # moco: momentum of the key encoder, keys a head, and whether keys are anchors too.
    momentum: float = setting(0.99, at_least=0, at_most=1)
    queue_length: int = setting(4096, at_least=1)
    symmetric: bool = True
    # simsiam: the predictors' hidden layer, and whether all heads predict one target (Table 2
    # writes it without a head's index) or each its own (generation 2).
    predictor_dim: int = setting(512, at_least=1)
    shared_target: bool = False
    # barlow-twins: lambda, and what phi reads, a channel over the global batch: data.batch_size.
    off_diagonal_weight: float = setting(5e-3, at_least=0)
    channel_batch: int = setting(512, at_least=2)

    def check(self, recipe: Any) -> None:
        """Checks what depends on other fields and sections.

        Raises:
            ConfigError: Not two views (on SimCLR: of one size), bounds of the temperature in the
                wrong order, a queue shorter than a batch, or channels of another length than it.
        """
        check_pairs(recipe, "AMCL")
        if self.base == "simclr":
            check_one_size(recipe, "AMCL on SimCLR")
        batch = recipe.data.batch_size
        if self.temperature_min > self.temperature_max:
            raise ConfigError(
                f"method.temperature_min: {self.temperature_min} is above "
                f"method.temperature_max={self.temperature_max}"
            )
        if self.base == "moco":
            check_queue(self.queue_length, batch)
        if self.base == "barlow-twins" and self.channel_batch != batch:
            raise ConfigError(
                f"method.channel_batch: {self.channel_batch} must be data.batch_size={batch}: the "
                "temperature network reads each channel over the whole batch"
            )


@dataclass
class PairAucConfig(ProtocolConfig):
    """Protocol ``pair-auc``: two views of one image against views of two."""

    takes: ClassVar[tuple[str, ...]] = ("images",)
    # Tested images; as many are drawn by seed where there are more.
    max_images: int = setting(500, at_least=2, hashed_as="max_pictures")
