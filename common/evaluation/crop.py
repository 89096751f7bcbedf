"""The crops of images that protocols train on."""

from dataclasses import dataclass

from common.settings import setting


@dataclass
class CropConfig:
    """Random crop and mirror of the images that a protocol trains on (torchvision's)."""

    # Pixels; null: as large as the images that are tested.
    size: int | None = setting(None, at_least=1)
    area: list[float] = setting([0.08, 1.0], above=0, at_most=1)
    flip: float = setting(0.5, at_least=0, at_most=1)
