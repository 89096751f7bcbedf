"""torchvision's Faster and Mask R-CNN on a backbone of ours, in the forms that papers fine-tune."""

from typing import Any, cast

from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import (
    FastRCNNConvFCHead,
    FastRCNNPredictor,
    TwoMLPHead,
)
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from common.errors import ConfigError
from papers.pixpro.config import DetectionConfig

RATIOS = (0.5, 1.0, 2.0)
FPN_CHANNELS, HIDDEN, MASK_CHANNELS = 256, 1024, 256
STAGES = ("layer1", "layer2", "layer3", "layer4")


def build_detector(
    backbone: Any,
    settings: DetectionConfig,
    num_classes: int,
    normalisation: tuple[list[float], list[float]],
) -> nn.Module:
    """Returns the detector that ``settings.head`` names; it takes images in 0..1.

    "c4" and "fpn" are those that PixPro and most papers use (Detectron2's R50-C4 with a batch norm
    behind the fifth stage, and R50-FPN with batch norms throughout); "map" works on the last
    feature map of any backbone. What is not said here is torchvision's default.

    Args:
        backbone: Becomes part of the detector.
        settings: `DetectionConfig`.
        num_classes: Number of classes of objects, without the background.
        normalisation: Mean and deviation of each channel.

    Raises:
        ConfigError: A backbone that the head cannot stand on.
    """
    check_head(settings.head, backbone)
    make = {"c4": _c4, "fpn": _fpn, "map": _map}[settings.head]
    parts = make(backbone, settings, num_classes + 1)
    mean, std = normalisation
    kind = MaskRCNN if settings.masks else FasterRCNN
    return kind(
        **parts,
        min_size=tuple(settings.short_sides),
        max_size=settings.long_side,
        image_mean=mean,
        image_std=std,
        box_batch_size_per_image=settings.regions,
        box_detections_per_img=settings.detections,
    )


def check_head(head: str, backbone: Any) -> None:
    """Raises `ConfigError` unless ``backbone`` has what ``head`` needs."""
    is_resnet = all(hasattr(backbone, stage) for stage in STAGES)
    if head in ("c4", "fpn") and not is_resnet:
        raise ConfigError(
            f"evaluation.detection.head={head} needs the stages of a ResNet; use map, or a method "
            "with method.backbone=resnet50"
        )
    if not hasattr(backbone, "feature_map"):
        raise ConfigError("evaluation.detection needs a backbone with a feature map")


def _c4(backbone: Any, settings: DetectionConfig, num_classes: int) -> dict[str, Any]:
    """Proposals on the fourth stage; the fifth is the head, on 14 x 14 cells of it."""
    width = backbone.num_features
    stem = [backbone.conv1, backbone.bn1, backbone.relu, backbone.maxpool]
    trunk = nn.Sequential(*stem, backbone.layer1, backbone.layer2, backbone.layer3)
    head = nn.Sequential(backbone.layer4, nn.BatchNorm2d(width))
    pooled = nn.Sequential(head, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return {
        "backbone": _with_channels(trunk, width // 2),
        "rpn_anchor_generator": AnchorGenerator((tuple(settings.anchors),), (RATIOS,)),
        "box_roi_pool": MultiScaleRoIAlign(["0"], 14, 0),
        "box_head": pooled,
        "box_predictor": FastRCNNPredictor(width, num_classes),
        **_masks(settings, MultiScaleRoIAlign(["0"], 14, 0), head, width, num_classes),
    }


def _fpn(backbone: Any, settings: DetectionConfig, num_classes: int) -> dict[str, Any]:
    """A pyramid over all stages, one size of anchors a level; four convolutions in the box head."""
    width = backbone.num_features
    channels = [width // 8, width // 4, width // 2, width]
    layers = {stage: str(level) for level, stage in enumerate(STAGES)}
    pyramid = BackboneWithFPN(backbone, layers, channels, FPN_CHANNELS, norm_layer=nn.BatchNorm2d)
    if len(settings.anchors) != len(STAGES) + 1:
        raise ConfigError(
            f"evaluation.detection.anchors: {len(settings.anchors)} sizes; head=fpn has "
            f"{len(STAGES) + 1} levels, with one size each"
        )
    sizes = tuple((size,) for size in settings.anchors)
    head = MaskRCNNHeads(FPN_CHANNELS, (MASK_CHANNELS,) * 4, 1, norm_layer=nn.BatchNorm2d)
    pool = MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2)
    return {
        "backbone": pyramid,
        "rpn_anchor_generator": AnchorGenerator(sizes, (RATIOS,) * len(sizes)),
        "box_head": FastRCNNConvFCHead(
            (FPN_CHANNELS, 7, 7), [FPN_CHANNELS] * 4, [HIDDEN], norm_layer=nn.BatchNorm2d
        ),
        "box_predictor": FastRCNNPredictor(HIDDEN, num_classes),
        **_masks(settings, pool, head, MASK_CHANNELS, num_classes),
    }


def _map(backbone: Any, settings: DetectionConfig, num_classes: int) -> dict[str, Any]:
    """All on the last feature map; a small head, so that the map has to do the work."""
    width = backbone.num_features
    head = MaskRCNNHeads(width, (width,) * 2, 1)
    return {
        "backbone": _with_channels(_FeatureMap(backbone), width),
        "rpn_anchor_generator": AnchorGenerator((tuple(settings.anchors),), (RATIOS,)),
        "box_roi_pool": MultiScaleRoIAlign(["0"], 7, 2),
        "box_head": TwoMLPHead(width * 7 * 7, settings.hidden_dim),
        "box_predictor": FastRCNNPredictor(settings.hidden_dim, num_classes),
        **_masks(settings, MultiScaleRoIAlign(["0"], 14, 2), head, width, num_classes),
    }


def _masks(
    settings: DetectionConfig, pool: nn.Module, head: nn.Module, width: int, num_classes: int
) -> dict[str, Any]:
    if not settings.masks:
        return {}
    predictor = MaskRCNNPredictor(width, MASK_CHANNELS, num_classes)
    return {"mask_roi_pool": pool, "mask_head": head, "mask_predictor": predictor}


class _FeatureMap(nn.Module):
    """The backbone as a function of images to maps."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``(batch, channels, rows, columns)``."""
        return cast(Any, self.backbone).feature_map(x)


def _with_channels(network: nn.Module, channels: int) -> nn.Module:
    """Says how wide the map is, where torchvision looks for it."""
    network.out_channels = channels  # type: ignore[assignment]
    return network
