"""The ``method:`` sections of CPL and of what it is set beside. Imports no torch.

Sources: "code" is the authors' repository (commit 22e2584), whose configuration for CPL is that of
the paper's date; the paper's own text could not be read.
"""

from dataclasses import dataclass
from typing import Any

from common.data.targets.open_world.config import OpenWorldFacts
from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.registry import BACKBONES
from common.settings import setting

PSEUDO_LABELS = ("soft", "hard-weighted", "hard", "fix", "flex", "flex-no-warm-up", "free")


@dataclass
class HeadsConfig:
    """The network, which all arms share."""

    # Code: timm's ResNet-50, 256 x 256 pixels.
    backbone: str = setting("resnet50", choices=BACKBONES)
    width: int = setting(1, at_least=1)
    stem: str = setting("imagenet", choices=("imagenet", "cifar"))
    # A file of weights in torchvision's names, "pretrained" or null; code: ImageNet's.
    initial_weights: str | None = setting(None, names_file=True)
    # Heads; null: as many as there are classes, known and novel. Code: that number is given.
    num_heads: int | None = setting(None, at_least=2)
    # On the global feature, before the heads.
    dropout: float = setting(0.2, at_least=0, below=1)
    # Added to the true class's logit, of either sign. Code: a margin loss with margin -0.2.
    margin: float = 0.2
    # Code: batch norm per device. No effect on one process.
    sync_batch_norm: bool = True


@dataclass
class PairedConfig(HeadsConfig):
    """Settings of the methods that learn from pairs, and from images without labels."""

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for labels of all, or of nothing but, what is trained on."""
        if recipe.data.labels != "as-tagged":
            raise ConfigError(
                f"data.labels={recipe.data.labels}: {recipe.baseline or 'CPL'} learns from "
                "unlabelled images too; baseline=classifier is the lower or upper bound"
            )

    def check_facts(self, facts: OpenWorldFacts) -> None:
        """Raises `ConfigError` for a table without unlabelled images."""
        if facts.num_unlabelled == 0:
            raise ConfigError(
                "data.path: the table has no unlabelled training image (tag 2); baseline="
                "classifier needs none"
            )


@dataclass
class CPLConfig(PairedConfig):
    """CPL's own settings; the defaults are the code's."""

    # Patches a side that vote.
    parts: int = setting(3, at_least=1)
    # parts: global-local voting. always: every nearest neighbour is trusted.
    vote: str = setting("parts", choices=("parts", "always"))
    # eta 1: pairs.
    glv_weight: float = setting(0.5, at_least=0)
    # eta 2: pseudo-labels. soft: CPL's, without any threshold. hard-weighted: the argmax in its
    # place, with the same weight and vote. The others are the code's ablation hooks, which have
    # neither: cross-entropy against the argmax, all (hard) or those a rule lets through.
    pseudo_weight: float = setting(0.5, at_least=0)
    pseudo_labels: str = setting("soft", choices=PSEUDO_LABELS)
    # For fix, flex and free: threshold, and momentum of free's running values.
    cutoff: float = setting(0.95, at_least=0, at_most=1)
    rule_momentum: float = setting(0.999, at_least=0, below=1)
    # eta 3: entropy of the mean prediction.
    entropy_weight: float = setting(1.0, at_least=0)
    # The multi-stage extension, as far as the abstract and the code's pieces tell (no number of
    # rounds is known): epochs of cross-entropy on labelled images first; then, every so many
    # epochs, the last predictions of unlabelled images become labels. 0: never.
    pretrain_epochs: int = setting(0, at_least=0)
    relabel_epochs: int = setting(0, at_least=0)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for too small a batch, or stages that never come."""
        super().check(recipe)
        if recipe.data.batch_size < 4:
            raise ConfigError("data.batch_size: CPL pairs images of a batch: 4 or up")
        epochs, ends = recipe.trainer.epochs, self.pretrain_epochs
        for name in ("pretrain_epochs", "relabel_epochs"):
            number = getattr(self, name)
            ends += number * (name == "relabel_epochs")
            if number and 0 < epochs <= ends:
                raise ConfigError(
                    f"method.{name}={number}: trainer.epochs={epochs} ends before what follows "
                    f"it; train for more than {ends} epochs, or set it to 0"
                )


@dataclass
class ClassifierConfig(HeadsConfig):
    """Cross-entropy on the labelled images: the lower bound, or with all labels the upper one."""


@dataclass
class ORCAConfig(PairedConfig):
    """ORCA (Cao et al., ICLR 2022), from its code at 5f33afd; the README names what differs."""

    margin: float = 0.0
    # Scale of logits of unit features and unit heads.
    scale: float = setting(10.0, above=0)
    # The uncertainty's share that is added to the true class's cosine.
    uncertainty_weight: float = setting(1.0, at_least=0)
    entropy_weight: float = setting(1.0, at_least=0)
    pair_weight: float = setting(1.0, at_least=0)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for a fixed margin too."""
        super().check(recipe)
        if self.margin:
            raise ConfigError(
                "method.margin: ORCA's margin is its uncertainty; set method.uncertainty_weight"
            )


@dataclass
class RankStatsConfig(PairedConfig):
    """RankStats (Han et al., ICLR 2020; k-han/AutoNovel at 5eda7e4) with one set of heads.

    Without its pre-training (self-supervised, then on labels), the layers that it freezes after
    that, its head of known classes only, and the ramp of its consistency, whose weight of 5 is
    constant here: there it rises to 50.
    """

    margin: float = 0.0
    # Pairs whose so many strongest features are the same are of one class.
    top_k: int = setting(5, at_least=1)
    # The pair loss and the consistency of predictions under dropout.
    pair_weight: float = setting(1.0, at_least=0)
    consistency_weight: float = setting(5.0, at_least=0)
    entropy_weight: float = setting(0.0, at_least=0)


@dataclass
class HeadClustersConfig(ProtocolConfig):
    """Protocol ``head-clusters``: what the heads name and find; there is nothing to set."""


@dataclass
class FeatureClustersConfig(ProtocolConfig):
    """Protocol ``feature-clusters``: k-means on features, k the number of classes."""

    starts: int = setting(4, at_least=1)
