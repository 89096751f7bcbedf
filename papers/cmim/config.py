"""The ``method:`` section of cMIM, and the settings of its protocols. Imports no torch.

Source: "code" is NVIDIA-BioNeMo/KERMT at commit 01a73ba, the official code of a later paper on
molecules that trains with cMIM. The tables and the networks of the draft could not be read.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.registry import SIZED_BACKBONES
from common.settings import setting


@dataclass
class CMIMConfig:
    """An encoder, a decoder, and which terms the loss has: the defaults are cMIM's."""

    # The encoder, ours as the decoder is: the draft's networks could not be read.
    backbone: str = setting("resnet18", choices=SIZED_BACKBONES)
    # A perceptron with these hidden layers in place of the backbone; empty: the backbone.
    encoder_dims: list[int] = setting([], at_least=1)
    width: int = setting(1, at_least=1)
    # Weights to start from: a file, or "pretrained" for those of the library; null: none.
    initial_weights: str | None = setting(None, names_file=True)
    stem: str = setting("cifar", choices=("imagenet", "cifar", "deep"))
    # Code: latent.
    code_dim: int = setting(512, at_least=1)
    # Hidden layers of the decoder, a perceptron that makes all pixels.
    decoder_dims: list[int] = setting([512, 512], at_least=1)
    # Of pixels in 0..1, or of any pixels with one standard deviation.
    likelihood: str = setting("bernoulli", choices=("bernoulli", "gaussian"))
    pixel_deviation: float = setting(0.3, above=0)
    # 0: there is no decoder.
    reconstruction_weight: float = setting(1.0, at_least=0)
    # The term of the codes' densities: A-MIM's, a VAE's (whose log q has the other sign), or none.
    density: str = setting("mim", choices=("mim", "vae", "none"))
    # Code: 1, with the pixels' place taken by a mean over tokens; its switch normalize_loss is
    # 1 / code_dim, and normalize_gradient has the gradient of that.
    density_weight: float = setting(1.0, at_least=0)
    # Against the mean of the other codes' terms, as in the code, or their sum, or InfoNCE of two
    # samples of each code.
    contrast: str = setting("mean", choices=("mean", "sum", "two-samples", "none"))
    # Code: tau.
    temperature: float = setting(0.1, above=0)
    # Code: log_scale is clamped from below before a code is drawn.
    log_scale_min: float = setting(-6.0, at_most=0)
    # False decodes and compares the mean of the code, as an auto-encoder does.
    sampled: bool = True
    # What is evaluated: the mean of the code, or the last hidden layer of the decoder on it (the
    # draft's informative embedding).
    embedding: str = setting("code", choices=("code", "informative"))
    # Ours: statistics over all processes. No effect on one process.
    sync_batch_norm: bool = True

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for views that it does not take, and settings that do not agree."""
        if (views := sum(view.count for view in recipe.data.views)) != 1:
            raise ConfigError(
                f"data.views: cMIM needs one view of an image, not {views}; its positive is the "
                "image's own code"
            )
        if self.likelihood == "bernoulli" and recipe.data.mean:
            raise ConfigError(
                "data.mean: method.likelihood=bernoulli needs pixels in 0..1; leave data.mean and "
                "data.std empty, or take gaussian"
            )
        if not self.sampled and (self.density != "none" or self.contrast == "two-samples"):
            raise ConfigError(
                f"method.sampled=false: method.density={self.density} and method.contrast="
                f"{self.contrast} are of drawn codes; use density=none and another contrast"
            )
        if self.embedding == "informative" and not self.reconstruction_weight:
            raise ConfigError(
                "method.embedding=informative: is of the decoder, which "
                "method.reconstruction_weight=0 leaves out"
            )


@dataclass
class EuclidKnnConfig(ProtocolConfig):
    """Protocol ``euclid-knn``: a majority of neighbours by Euclidean distance."""

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("training classes",)
    k: int = setting(5, at_least=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` if there are fewer labelled samples than neighbours."""
        if self.k > (num := len(inputs.train.known)):
            raise ConfigError(
                f"evaluation.euclid_knn.k={self.k}: there are only {num} labelled samples to be "
                "neighbours"
            )


@dataclass
class ReconstructionConfig(ProtocolConfig):
    """Protocol ``reconstruction``: the decoder's error on tested images. It has no settings."""
