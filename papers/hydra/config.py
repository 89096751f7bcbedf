"""The ``method:`` sections of SimLAP and of momentum Hydra.

The paper's text (arXiv 2410.18200) could not be read, so every default has a file of the authors'
repositories as its source: "hydra" is erow/hydra, "FastSSL" erow/FastSSL, "vitookit" erow/vitookit.
"""

from dataclasses import dataclass
from typing import Any

from common.data.images.config import ImageFacts
from common.errors import ConfigError, DataError
from common.methods.config import BackboneConfig, check_labelled, check_one_size, check_pairs
from common.settings import setting

NORMS = ("layer", "batch", "none")


@dataclass
class PairConfig(BackboneConfig):
    """What both methods share: encoder, class pairs, filter and contrast."""

    # Each residual block starts as the identity: hydra's ResNet-50 and timm's ResNets.
    zero_init_residual: bool = False
    # hydra cl/model.py: 3 layers; FastSSL and vitookit: 2.
    projector_layers: int = setting(3, at_least=1)
    # hydra cl/model.py; momentum Hydra: 4096.
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(256, at_least=1)
    # Ends the projector: a batch norm would open closed gates again (comment in moco/builder.py).
    projector_norm: str = setting("layer", choices=NORMS)
    # Partner classes: a shuffle of the batch's labels everywhere; the others are ablations.
    pairs: str = setting("arbitrary", choices=("arbitrary", "identical", "distinct"))
    # "open": no filter; "shared": one learned gate for all pairs. Both are ablations.
    gate: str = setting("pair", choices=("pair", "shared", "open"))
    # fuse=True and False of BasicGate.
    gate_fusion: str = setting("average", choices=("average", "product"))
    # moco/filter.py.
    gate_embedding_dim: int = setting(512, at_least=1)
    gate_hidden_dim: int = setting(1024, at_least=1)
    # A: gate, then normalise (hydra). B: normalise, then gate (FastSSL; vitookit since Dec 2025).
    form: str = setting("A", choices=("A", "B"))
    # hydra and vitookit: micro; FastSSL: macro.
    reduction: str = setting("micro", choices=("micro", "macro"))
    # cl/losses.py and vitookit: 1 / 10, fixed; main_moco.py: 1.0, 0.2 for ViT, 0.15 with ffcv.
    temperature: float = setting(0.1, above=0)
    # FastSSL and the builders 0c13b6f and d3cdb34 of moco/ learn exp(log scale).
    learn_scale: bool = False
    # The pairs' scale starts here; null: at 1 / temperature, as in FastSSL. The two builders start
    # at 20, beside the temperature of the instance term.
    initial_scale: float | None = setting(None, above=0)
    # FastSSL's alpha (0.5, learned): takes off this much of the whole space's cosine.
    whole_space: float = setting(0.0, at_least=0, at_most=1)
    learn_whole_space: bool = False
    # moco/builder.py: gamma, on the mean Bernoulli entropy of the gates.
    entropy_weight: float = setting(0.0, at_least=0)
    # "classes": of the C gates g(c, c) (moco/builder.py); "pairs": of the batch's.
    entropy_of: str = setting("classes", choices=("classes", "pairs"))
    # False as in the version read, where the term changes the logged loss and nothing else.
    entropy_gradient: bool = True

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        check_one_size(recipe, "Hydra")
        if recipe.data.batch_size < 3:
            raise ConfigError(
                "data.batch_size: a pair and a third class to tell it from need at least 3 images"
            )
        if self.gate == "open" and self.entropy_weight:
            raise ConfigError("method.entropy_weight: method.gate=open has no gates to close")

    def check_facts(self, facts: ImageFacts) -> None:
        """Raises `DataError` unless all images have labels, and a third class for each pair."""
        if facts.num_classes < 1:
            raise DataError(
                "data.name: Hydra learns from labels, and these training images have none"
            )
        check_labelled("Hydra", facts)
        needed = 2 if self.pairs == "identical" else 3
        if facts.num_classes < needed:
            raise DataError(
                f"method.pairs={self.pairs} needs at least {needed} classes; these training "
                f"images have {facts.num_classes}"
            )


@dataclass
class SimLAPConfig(PairConfig):
    """SimLAP: no momentum encoder, no instance term."""

    # "views": view 1 against view 2 and back. "pooled": every view against all views, the anchor
    # itself among the keys (vitookit, there with one view).
    contrast: str = setting("views", choices=("views", "pooled"))
    # cl/losses.py: both directions; FastSSL: False.
    symmetric: bool = True
    # vitookit: all draws of an image in one batch. hydra and FastSSL: False, as `SimLAP()` has it:
    # batch norm takes the statistics of each view by itself.
    views_together: bool = True
    # vitookit: a linear classifier on the detached features is trained beside.
    online_head: bool = False

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        super().check(recipe)
        views = sum(view.count for view in recipe.data.views)
        if self.contrast == "views" and views != 2:
            raise ConfigError(
                f"data.views: method.contrast=views compares 2 views of an image, not {views}; "
                "method.contrast=pooled takes any number"
            )


@dataclass
class HydraConfig(PairConfig):
    """Momentum Hydra: keys of a momentum encoder, and an instance term (moco/builder.py)."""

    hidden_dim: int = setting(4096, at_least=1)
    # MoCo v3's projector and predictor ("ln-none").
    predictor_layers: int = setting(2, at_least=1)
    predictor_norm: str = setting("none", choices=NORMS)
    # sep: the pairs have a predictor of their own.
    separate_predictor: bool = False
    temperature: float = setting(0.2, above=0)
    # beta: 1 in CONFIG.md, 100 in most of todo.sh.
    disparate_weight: float = setting(1.0, at_least=0)
    # For so many epochs the pairs train the filter alone. The builders 0c13b6f and d3cdb34 have 10;
    # the newest one has the argument and does not read it.
    filter_epochs: int = setting(0, at_least=0)
    # Rises to 1 along a half cosine over all updates; 0.996 for 1000 epochs.
    momentum: float = setting(0.99, at_least=0, at_most=1)
    # Which encoder is evaluated: the released extractor reads the base encoder.
    evaluated: str = setting("base", choices=("base", "momentum"))

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        super().check(recipe)
        check_pairs(recipe, "momentum Hydra")
