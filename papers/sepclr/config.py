"""The ``method:`` section of SepCLR, and the settings of its protocol. Imports no torch.

Sources: "code" is the script of the overlay set (``cifar_mnist``) in the official repository
(neurospin-projects/2024_rlouiset_sep_clr, commit 0e40bff); the paper's text could not be read.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.evaluation.image_config import FactorsConfig
from common.methods.config import check_pairs
from common.registry import SIZED_BACKBONES
from common.settings import setting


@dataclass
class SepCLRConfig:
    """Two encoders of one kind, and the weights of the losses."""

    # Code: a ResNet-18 each, its first convolution 3x3 with stride 1 and no pooling after it.
    backbone: str = setting("resnet18", choices=SIZED_BACKBONES)
    width: int = setting(1, at_least=1)
    # Weights to start both from: a file, or "pretrained" for those of the library; null: none.
    initial_weights: str | None = setting(None, names_file=True)
    stem: str = setting("cifar", choices=("imagenet", "cifar", "deep"))
    # Labels from here on are of the target set, smaller ones of the background.
    target_from: int = setting(1, at_least=1)
    # Code: d_c and d_s.
    common_dim: int = setting(32, at_least=1)
    salient_dim: int = setting(32, at_least=1)
    # Code: of each projector, between the code and what is compared.
    hidden_dim: int = setting(128, at_least=1)
    # Code: tau, 0.5 in every loss.
    temperature: float = setting(0.5, above=0)
    # Code: of the salient alignment and uniformity; 1 on the medical sets.
    salient_weight: float = setting(1000.0, at_least=0)
    # Code: of the background's salient codes, pulled to zero; 10 and 100 on the medical sets.
    null_weight: float = setting(1000.0, at_least=0)
    # Code: of the joint entropy.
    joint_weight: float = setting(10.0, at_least=0)
    # Ours: statistics over all processes. No effect on one process.
    sync_batch_norm: bool = True

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless there are 2 views."""
        check_pairs(recipe, "SepCLR")

    def check_facts(self, facts: Any) -> None:
        """Raises `ConfigError` where no image can be of the target set."""
        if facts.num_unlabelled:
            raise ConfigError(
                f"data: {facts.num_unlabelled} training images have no label, which tells SepCLR "
                "their set; use data.labelled_only=true"
            )
        if self.target_from >= facts.num_classes:
            raise ConfigError(
                f"method.target_from={self.target_from}: no image is of the target, labels end at "
                f"{facts.num_classes - 1}"
            )


@dataclass
class SeparationConfig(FactorsConfig):
    """Protocol ``separation``: both codes of target images are asked for both kinds of factors."""

    takes: ClassVar[tuple[str, ...]] = ()  # a module with parts
    # The factor that both sets vary in, and the one that only the target has; of `names`.
    common: str = ""
    salient: str = ""

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless the factors have sizes, and both kinds are among them."""
        super().check(recipe)
        for kind in ("common", "salient"):
            if getattr(self, kind) not in self.names:
                raise ConfigError(
                    f"evaluation.separation.{kind}={getattr(self, kind)!r}: must be one of "
                    f"evaluation.separation.names={self.names}"
                )
