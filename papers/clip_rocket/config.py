"""The ``method:`` section of CLIP-rocket; the defaults are those of ResNet-50 on CC12M.

Sources: "code" is ``losses.py`` and ``models.py`` of the official repository at commit ebd9e58,
"recipes" its ``repro_exps.txt``. No table or section of the paper could be read.
"""

from dataclasses import dataclass, field
from typing import Any

from common.backbones.text_config import TextTowerConfig
from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig, require_part
from common.methods.config import TwoTowerConfig
from common.settings import setting

ADDITIONS = ("none", "barlip", "siamlip", "byolip", "swalip", "swalip-v1")


def _text() -> TextTowerConfig:
    return TextTowerConfig(activation="quick_gelu")


@dataclass
class BarLIPConfig:
    """Redundancy reduction between the projections of images and of texts."""

    # Code: the scale of the term, and lambda.
    weight: float = setting(0.025, above=0)
    off_diagonal_weight: float = setting(0.005, at_least=0)
    # Code: the head's two hidden layers and its output.
    hidden_dim: int = setting(3000, at_least=1)
    output_dim: int = setting(8192, at_least=1)
    # Multiplies the term's gradient. The official code on W processes has 1 / W (1/32 in the
    # published runs), because each differentiates its own part of the correlations alone.
    gradient_scale: float = setting(1.0, above=0)


@dataclass
class AgreementConfig:
    """The heads of SiamLIP, BYOLIP and the older SwALIP, and the first two's predictors."""

    # Code: hidden layers of head and predictor, and what is predicted.
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(128, at_least=1)
    # Code: the copies of BYOLIP and of the older SwALIP follow with this momentum, constant.
    momentum: float = setting(0.99, at_least=0, at_most=1)


@dataclass
class SwALIPConfig:
    """Codes of the other side's batch (SwALIP), or of prototypes (the older SwALIP, "v1")."""

    # Recipes: the weight of the term.
    weight: float = setting(0.2, at_least=0)
    # Code: what similarities are divided by for the codes, and Sinkhorn-Knopp's iterations.
    epsilon: float = setting(0.05, above=0)
    iterations: int = setting(3, at_least=1)
    # For v1 alone. Code: prototypes, the temperature that predicts, and the batches in which the
    # prototypes stay as they are.
    num_prototypes: int = setting(3000, at_least=2)
    temperature: float = setting(0.1, above=0)
    freeze_batches: int = setting(100, at_least=0)
    # For v1: codes come from a copy that follows with `agreement.momentum`; an option of the code.
    momentum_codes: bool = False


@dataclass
class ClipRocketConfig(TwoTowerConfig):
    """The contrast on weak and strong views (code: CL2L), and one addition to it or none."""

    # Code: timm's ResNets, which start so.
    zero_init_residual: bool = True
    # Code: CLIP's transformer with QuickGELU.
    text: TextTowerConfig = field(default_factory=_text)
    # Code: the space of both projectors.
    dim: int = setting(256, at_least=1)
    # Strong views have an MLP projector and a scale of their own; False: those of the weak views.
    separate_projectors: bool = True
    # Code: the MLP projector's two hidden layers.
    projector_dim: int = setting(4096, at_least=1)
    # Code: the strong scale's start.
    strong_scale: float = setting(10.0, above=0)
    # Recipes: of the strong pairs; the code refuses it beside SwALIP.
    label_smoothing: float = setting(0.1, at_least=0, below=1)
    # Recipes: avg on CC3M, sum else. Sum doubles the contrast, and not what is added to it.
    reduction: str = setting("sum", choices=("avg", "sum"))
    # Recipes: on the input of each layer of the text tower, for strong texts alone.
    text_dropout: float = setting(0.05, at_least=0, below=1)
    # At the test the score is this times that of the weak projectors, plus the rest times that of
    # the strong ones. The code logs all tenths; which one the paper's tables have is UNVERIFIED.
    test_weight: float = setting(0.5, at_least=0, at_most=1)
    addition: str = setting("none", choices=ADDITIONS)
    # Strong views have heads of the addition of their own (recipes: ViT-S on YFCC15M).
    separate_heads: bool = False
    barlip: BarLIPConfig = field(default_factory=BarLIPConfig)
    agreement: AgreementConfig = field(default_factory=AgreementConfig)
    swalip: SwALIPConfig = field(default_factory=SwALIPConfig)

    @property
    def has_momentum(self) -> bool:
        """Whether momentum towers are made."""
        older = self.addition == "swalip-v1" and self.swalip.momentum_codes
        return older or self.addition == "byolip"

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        super().check(recipe)
        data = recipe.data
        if self.open_clip is not None:
            raise ConfigError("method.open_clip: CLIP-rocket reads features; name a backbone")
        if data.hard_captions or data.hard_images:
            raise ConfigError("data.hard_captions, data.hard_images: CLIP-rocket does not use them")
        self.check_views(data.num_strong)
        if self.text_dropout and self.text.name != "text_transformer":
            raise ConfigError(
                f"method.text_dropout={self.text_dropout}: {self.text.name} has none; use 0"
            )

    def check_views(self, num_strong: int) -> None:
        """Raises `ConfigError` where there are too few strong views, or too many."""
        if self.addition == "swalip-v1":
            if num_strong or self.separate_projectors:
                raise ConfigError(
                    "method.addition=swalip-v1: takes the weak pair alone; set data.num_strong=0 "
                    "and method.separate_projectors=false"
                )
        elif num_strong == 0:
            raise ConfigError(
                "data.num_strong=0: CLIP-rocket needs strong views; baseline: clip is plain CLIP"
            )
        if self.addition == "swalip":
            if num_strong != 2:
                raise ConfigError(f"data.num_strong={num_strong}: SwALIP swaps 2 strong views")
            if self.label_smoothing:
                raise ConfigError(
                    f"method.label_smoothing={self.label_smoothing}: SwALIP takes none; set it to 0"
                )


# The official code logs both projectors and all tenths between them.
TENTHS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


@dataclass
class ProjectorsConfig(ProtocolConfig):
    """Protocol ``projectors``: zero-shot classes by mixed scores of both projectors."""

    # For the weak projectors' scores: 1 is those alone, and 0 those of the strong ones.
    weights: list[float] = setting(TENTHS, at_least=0, at_most=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for data without classes."""
        require_part(inputs.classes, "projectors", "images with classes")
