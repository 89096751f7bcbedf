"""The settings of the protocol ``detection``."""

from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.settings import setting


@dataclass
class DetectionConfig(ProtocolConfig):
    """Protocol ``detection``: all weights of a detector on the backbone, by SGD.

    The defaults are those of PixPro and MoCo on Pascal VOC, in Detectron2's terms.
    """

    needs_labels: ClassVar[bool] = False
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
    # Pixels of an image's shorter side, drawn for each batch; the last one is tested. The longer
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
