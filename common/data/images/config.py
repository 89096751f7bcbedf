"""The ``data:`` section of image papers, and what a module must know of the data."""

from dataclasses import dataclass, field

from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting

# Sets whose images stay in files until a batch needs them.
FILE_SETS = ("coco", "image-folder", "imagenet", "imagenet100", "voc")


@dataclass(frozen=True)
class ImageFacts:
    """What a module is built from; ``num_samples`` counts training images."""

    channels: int = 3
    size: int = 32
    num_classes: int = 10
    num_samples: int = 50_000
    # Training images that have no label.
    num_unlabelled: int = 0


@dataclass
class ViewConfig:
    """``count`` views made alike; two numbers are a range to draw from uniformly.

    The operations run in the order of the fields. Each draw is an image's own.
    """

    hashed_as = "ViewConfig"  # for good, whatever the class is called
    count: int = setting(1, at_least=1)
    size: int = setting(32, at_least=1)
    # Crop: share of the image's area, width over height (log-uniform), as torchvision draws.
    area: list[float] = setting([0.08, 1.0], above=0, at_most=1)
    ratio: list[float] = setting([3 / 4, 4 / 3], above=0)
    flip: float = setting(0.5, at_least=0, at_most=1)
    # Largest angle in radians, either way; what leaves the image is 0.
    rotation: float = setting(0.0, at_least=0)
    # Widen the filter where a crop shrinks, as Pillow and torchvision do (crops without rotation).
    antialias: bool = True
    # Share of views with colour jitter, in random order; strengths as torchvision's ColorJitter.
    jitter: float = setting(0.0, at_least=0, at_most=1)
    brightness: float = setting(0.8, at_least=0)
    contrast: float = setting(0.8, at_least=0)
    saturation: float = setting(0.8, at_least=0)
    hue: float = setting(0.2, at_least=0, at_most=0.5)
    # Shares of grey, blurred and solarised views; sigma in pixels of the view.
    grey: float = setting(0.0, at_least=0, at_most=1)
    blur: float = setting(0.0, at_least=0, at_most=1)
    sigma: list[float] = setting([0.1, 2.0], above=0)
    solarise: float = setting(0.0, at_least=0, at_most=1)
    # x -> (x - contrast_pivot) * contrast_scale + contrast_pivot + shift, not clipped.
    contrast_scale: list[float] = setting([1.0, 1.0], at_least=0)
    contrast_pivot: float = setting(0.5, at_least=0, at_most=1)
    # Largest shift of all pixels, either way.
    brightness_shift: float = setting(0.0, at_least=0)
    # Standard deviation of white noise.
    noise: float = setting(0.0, at_least=0)

    def __post_init__(self) -> None:
        """Checks the ranges; raises `ConfigError`."""
        for name in ("area", "ratio", "sigma", "contrast_scale"):
            value = getattr(self, name)
            if len(value) != 2 or value[0] > value[1]:
                raise ConfigError(f"data.views: {name} must be [low, high], got {list(value)}")


@dataclass
class ImageConfig:
    """The ``data:`` section."""

    name: str = setting("scattered-digits", choices=DataSets("images"))
    # Folder of prepared data; null: LIKEWISE_DATA, else ~/.cache/likewise.
    root: str | None = setting(None, result_neutral=True)
    # Over all processes.
    batch_size: int = setting(128, at_least=1)
    workers: int = setting(0, at_least=0, result_neutral=True)
    # Batches that each worker makes ahead.
    prefetch: int = setting(2, at_least=1, result_neutral=True)
    # batched: all on the batch's device. hybrid: crop and resize in the workers, of images of any
    # size, to 8 bits as Pillow does; colours on the device.
    pipeline: str = setting("batched", choices=("batched", "hybrid"))
    # Share of the training images kept for the split "val"; 0 trains on all of them.
    holdout: float = setting(0.1, at_least=0, below=1)
    # Train on the images that have a label only, as supervised methods must.
    labelled_only: bool = False
    # Tested images: shorter side, then central square (256 and 224 on ImageNet); null: as stored.
    test_resize: int | None = setting(None, at_least=1)
    test_crop: int | None = setting(None, at_least=1)
    # Per channel, after all else, of images in 0..1 (not 0..255); empty: they stay in 0..1.
    mean: list[float] = setting([], at_least=0, at_most=1)
    std: list[float] = setting([], above=0)
    # The folder of `image-folder`.
    path: str | None = setting(None, result_neutral=True)
    # Share of an `image-folder` without test images that becomes its split "test".
    test_share: float = setting(0.1, above=0, below=1)
    # Leave out unreadable images of files (they are named and counted) instead of stopping.
    skip_unreadable: bool = False
    # Images of tar shards that are shuffled together, so that reads stay in a few shards;
    # null: all.
    shuffle_window: int | None = setting(65536, at_least=1)
    views: list[ViewConfig] = field(default_factory=lambda: [ViewConfig(count=2)])

    def __post_init__(self) -> None:
        """Checks what no single field shows; raises `ConfigError`."""
        if not self.views:
            raise ConfigError("data.views: at least one view is needed")
        if len(self.mean) != len(self.std):
            raise ConfigError(f"data.mean={self.mean} and data.std={self.std} differ in length")
        if self.name == "image-folder" and self.path is None:
            raise ConfigError("data.path: data.name=image-folder needs a folder of images")
        if self.name != "image-folder" and self.path is not None:
            raise ConfigError(
                f"data.path: {self.name} has files of its own; only data.name=image-folder reads "
                "a folder"
            )
