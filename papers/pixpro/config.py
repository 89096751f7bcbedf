"""The ``method:`` section of PixPro: the ImageNet runs.

Sources: "paper" is arXiv 2011.10043, "script" the official repository's ``tools/``, "code" its
``contrast/models/PixPro.py``, "digest" a public note on the paper, whose text could not be read.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.registry import BACKBONES
from common.settings import setting


@dataclass
class PixProConfig:
    """PixPro, PixContrast and the instance branch."""

    backbone: str = setting("resnet50", choices=BACKBONES)
    width: int = setting(1, at_least=1)
    # Weights to start from: a file, or "pretrained" for those of the library; null: none.
    initial_weights: str | None = setting(None, names_file=True)
    stem: str = setting("imagenet", choices=("imagenet", "cifar"))
    # Last batch-norm gain of each residual block starts at 0 (code, resnet.py).
    zero_init_residual: bool = True
    # Projector 2048 -> 4096 -> 256 of 1x1 convolutions (code).
    hidden_dim: int = setting(4096, at_least=1)
    output_dim: int = setting(256, at_least=1)
    # Script: syncbn. No effect on one process.
    sync_batch_norm: bool = True

    # consistency: cosines of positive pairs (PixPro); contrast: InfoNCE over the cells of the
    # other view (PixContrast, paper, Eq. 2); none: the instance branch alone.
    pixel_loss: str = setting("consistency", choices=("consistency", "contrast", "none"))
    # Cells closer than this, in diagonals of the larger cell, correspond (paper, section 3.1).
    threshold: float = setting(0.7, above=0)
    # images: mean over an image's pairs, then over images, those without pairs too (code);
    # pairs: mean over all pairs (paper), half as large.
    averaging: str = setting(
        "images", choices=("images", "pairs"), hashed_values={"images": "pictures"}
    )
    # For PixContrast (digest).
    temperature: float = setting(0.3, above=0)

    # The pixel propagation module; without it the method collapses (digest).
    propagation: bool = True
    # Exponent of the similarity (script: pixpro_p; the code's own default is 1).
    sharpness: float = setting(2.0, above=0)
    # Similarities below are raised to it (code: pixpro_clamp_value).
    clamp: float = setting(0.0, at_least=0, at_most=1)
    # Layers of g (script: pixpro_transform_layer; the code's own default is 0).
    transform_layers: int = setting(1, at_least=0, at_most=2)
    # True: batch norm and ReLU after every layer of g (paper, by the digest); the code has them
    # between two layers only.
    transform_norm: bool = False
    # Unit length of g's output before propagation (code; not in Eq. 3).
    normalise_values: bool = True

    # At the start; 1 at the end, along a cosine over optimizer updates (script: pixpro_momentum).
    momentum: float = setting(0.99, at_least=0, at_most=1)

    # For the instance branch (script: 0; digest: 1 in the rows with it).
    instance_weight: float = setting(0.0, at_least=0)
    # predict: predictor against the momentum network, no negatives (code); contrast: NT-Xent of
    # both views over the batch (paper, by the digest).
    instance_loss: str = setting("predict", choices=("predict", "contrast"))
    # For instance_loss=contrast; SimCLR's on ImageNet (the paper's is unknown).
    instance_temperature: float = setting(0.1, above=0)

    def check(self, recipe: Any) -> None:
        """Checks what depends on other sections of the recipe.

        Raises:
            ConfigError: Other than two views, turned views, or nothing to learn from.
        """
        views = sum(view.count for view in recipe.data.views)
        if views != 2:
            raise ConfigError(f"data.views: PixPro compares 2 views of an image, not {views}")
        if any(view.rotation for view in recipe.data.views):
            raise ConfigError(
                "data.views: rotation must be 0: corners of a turned crop do not tell where its "
                "cells lie"
            )
        if self.pixel_loss == "none" and self.instance_weight == 0:
            raise ConfigError("method.pixel_loss=none needs method.instance_weight above 0")
        if self.instance_weight and self.instance_loss == "contrast" and recipe.global_batch < 2:
            raise ConfigError("data.batch_size: negatives are the other images: 2 or up")


@dataclass
class CorrespondenceConfig(ProtocolConfig):
    """Protocol ``correspondence``: the same place in two views of an image."""

    takes: ClassVar[tuple[str, ...]] = ("images",)
    # Pairs of views of each image.
    draws: int = setting(1, at_least=1)
    # Distance below which cells correspond, in diagonals of the larger one; PixPro's.
    threshold: float = setting(0.7, above=0)


@dataclass
class DenseProbeConfig(ProtocolConfig):
    """Protocol ``dense-probe``: a 1x1 convolution on frozen maps, Adam."""

    takes: ClassVar[tuple[str, ...]] = ("images",)
    epochs: int = setting(20, at_least=1)
    # Images, each with all its cells.
    batch_size: int = setting(16, at_least=1)
    lr: float = setting(0.01, above=0)
    weight_decay: float = setting(0.0, at_least=0)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `DataError` unless the images have classes of pixels."""
        for part in inputs.dense_pair:
            _ = part.label_maps


@dataclass
class DetectionConfig(ProtocolConfig):
    """Protocol ``detection``: all weights of a detector on the backbone, by SGD.

    The defaults are those of PixPro and MoCo on Pascal VOC, in Detectron2's terms.
    """

    takes: ClassVar[tuple[str, ...]] = ("images",)
    # c4: Faster R-CNN on the fourth stage of a ResNet, the fifth is its head. fpn: on a pyramid.
    # map: on the last feature map of any backbone.
    head: str = setting("c4", choices=("c4", "fpn", "map"))
    # Mask R-CNN: for sets whose objects have masks.
    masks: bool = False
    iterations: int = setting(24_000, at_least=1)
    # The rate falls by ten after so many iterations.
    milestones: list[int] = setting([18_000, 22_000], at_least=1)
    # Iterations of linear warm-up.
    warmup: int = setting(100, at_least=0)
    batch_size: int = setting(16, at_least=1)
    lr: float = setting(0.02, above=0)
    momentum: float = setting(0.9, at_least=0, below=1)
    # Batch norms do not decay.
    weight_decay: float = setting(1e-4, at_least=0)
    # Pixels of an image's shorter side, drawn for each image; the last one is tested. The longer
    # side has at most `long_side`.
    short_sides: list[int] = setting(list(range(480, 801, 32)), at_least=16)
    long_side: int = setting(1333, at_least=16)
    # Share of mirrored training images.
    flip: float = setting(0.5, at_least=0, at_most=1)
    # Sides of the anchors in pixels; with fpn one for each of five levels.
    anchors: list[int] = setting([32, 64, 128, 256, 512], at_least=1)
    # Regions of an image that the head learns from in an iteration.
    regions: int = setting(512, at_least=1)
    # For the head of `map`.
    hidden_dim: int = setting(256, at_least=1)
    # Most objects found in an image.
    detections: int = setting(100, at_least=1)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for a backbone that the head cannot stand on."""
        backbone = getattr(recipe.method, "backbone", "")
        if self.head != "map" and not backbone.startswith("resnet"):
            raise ConfigError(
                f"evaluation.detection.head={self.head} needs the stages of a ResNet, and "
                f"method.backbone is {backbone}; use evaluation.detection.head=map"
            )

    def check_inputs(self, inputs: Any) -> None:
        """Raises `DataError` for images without objects or masks, `ConfigError` for a library."""
        for part in inputs.object_pair:
            part.check(self.masks)
