"""The ``method:`` sections of SupReMix and of what it is set beside. Imports no torch.

Sources: "code" is the authors' pre-release code (agedb-dir), the only one there is.
"""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.registry import SAMPLE_BACKBONES
from common.settings import setting

# Beta parameters of the code's options 0, 1 and 2; its help text states others.
BETA_OPTIONS = ((2, 8), (8, 2), (5, 5))
WEIGHTS = ("linear", "quadratic", "inverse-linear", "inverse-quadratic", "none")


@dataclass
class EncoderConfig:
    """The backbone, which all arms share."""

    # Code: ResNet-50 from scratch on faces.
    backbone: str = setting("resnet50", choices=SAMPLE_BACKBONES)
    width: int = setting(1, at_least=1)
    # Weights to start from: a file, or "pretrained" for those of the library; null: none.
    initial_weights: str | None = setting(None, names_file=True)
    # For a ResNet: "cifar" is a 3x3 convolution without max-pooling, for images of about 32 x 32.
    stem: str = setting("imagenet", choices=("imagenet", "cifar"))
    # Code: batch norm per device. No effect on one process.
    sync_batch_norm: bool = True


@dataclass
class SupReMixConfig(EncoderConfig):
    """SupReMix's own settings; the defaults are the code's for AgeDB, labels in years."""

    # Projection head. Code: 2048 -> 2048, BN, ReLU -> 128, BN; then to unit length.
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(128, at_least=2)
    output_batch_norm: bool = True
    # Labels are rounded to multiples of this, in label units, before they are compared: only equal
    # ones are positives. 0: as they are.
    label_step: float = setting(0.0, at_least=0)
    # Code: .5 (AgeDB), .3 (IMDB-WIKI), .1 (STS-B).
    temperature: float = setting(0.5, above=0)
    # Anchor with a negative, the anchor's share from Beta (code's option 0: mostly the other).
    mix_neg: bool = True
    beta: list[float] = setting([2.0, 8.0], above=0)
    # Two negatives that bracket the anchor's label, both nearer than the window, in label units.
    mix_pos: bool = True
    window: float = setting(5.0, above=0)
    # For a negative at label distance d, in label units: linear d + 1 (code's L1_inv), quadratic
    # d^2 + 1 (L2_inv), and their inverses (L1, L2).
    weights: str = setting("linear", choices=WEIGHTS)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for a Beta that is no pair, or settings without positives."""
        if len(self.beta) != 2:
            raise ConfigError(f"method.beta: {self.beta} must be two numbers, as [2, 8]")
        if self.mix_pos and self.window <= self.label_step:
            raise ConfigError(
                f"method.window={self.window:g}: it must be above method.label_step="
                f"{self.label_step:g}, or method.mix_pos false"
            )
        if recipe.data.total_views < 2 and not self.label_step:
            key = "data.views" if recipe.data.views else "data.num_views"
            raise ConfigError(
                f"{key}: with one view an anchor's positives are samples of equal label; "
                "make 2 views, or round labels with method.label_step"
            )


@dataclass
class RankNContrastConfig(EncoderConfig):
    """Rank-N-Contrast (arXiv 2210.01189), by its equations."""

    # Divides negative Euclidean distances of features.
    temperature: float = setting(2.0, above=0)


@dataclass
class RegressorConfig(EncoderConfig):
    """End-to-end training of the backbone and a linear output."""

    # Of labels in units of their deviation.
    loss: str = setting("l1", choices=("l1", "mse"))
    # C-Mixup (arXiv 2210.05775): inputs and labels are mixed with a partner of near label.
    mixup: bool = False
    # Both parameters of the Beta that a batch's share is drawn from.
    mixup_beta: float = setting(2.0, above=0)
    # Of the partners' Gaussian, in deviations of the labels. The paper tunes it for each set.
    bandwidth: float = setting(0.5, above=0)


@dataclass
class LabelOrderConfig(ProtocolConfig):
    """Protocol ``label-order``: rank correlation of label distance and embedding distance."""

    # All pairs of so many test samples; more are drawn from by seed.
    max_samples: int = setting(1000, at_least=3)


@dataclass
class RegressionFinetuneConfig(ProtocolConfig):
    """Protocol ``regression-finetune``: all weights and a new linear layer, on the labels."""

    loss: str = setting("l1", choices=("l1", "mse"))
    lr: float = setting(1e-3, above=0)
    epochs: int = setting(20, at_least=1)
    batch_size: int = setting(64, at_least=2)
