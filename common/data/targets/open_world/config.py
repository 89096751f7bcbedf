"""The ``data:`` section of known and novel classes, and what a module must know. No torch here."""

from dataclasses import dataclass, fields

from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting

# Settings of one set alone.
OWNED = {
    **dict.fromkeys(("preset", "faces"), "ow-forge-20"),
    **dict.fromkeys(("folder", "size", "boxes", "box_margin"), "ow-dfa"),
}


@dataclass(frozen=True)
class OpenWorldFacts:
    """What a module is built from; numbers of images are of the training part."""

    channels: int = 3
    size: int = 256
    num_classes: int = 20
    num_known: int = 8
    num_samples: int = 34_000
    # As the arm sees them: 0 where only labelled images, or all labels, are given.
    num_unlabelled: int = 22_000


@dataclass
class OpenWorldConfig:
    """Which images, which of their labels, and how they are changed."""

    name: str = setting("ow-forge-20", choices=DataSets("known-and-novel classes"))
    # Where packed sets lie; null: $LIKEWISE_DATA.
    root: str | None = setting(None, result_neutral=True)
    # 1: forgeries only. 2: real images too.
    protocol: int = setting(1, at_least=1, at_most=2)
    # For `ow-forge-20`: images a class, and whose faces (att: the data root's).
    preset: str = setting("standard", choices=("small", "standard", "large"))
    faces: str = setting("lfw", choices=("lfw", "att"))
    # `ow-forge-20` is drawn from it, and the 80 % of `ow-dfa` that are for training.
    data_seed: int = setting(2000, at_least=0)
    # For `ow-dfa`: the table (.csv), by itself or in the data root, and the folder that its paths
    # are relative to; null: the table's own.
    path: str | None = setting(None, result_neutral=True)
    folder: str | None = setting(None, result_neutral=True)
    # For `ow-dfa`: pixels a side, and the file of face boxes that crops are cut by, if given.
    size: int = setting(256, at_least=16)
    boxes: str | None = setting(None, result_neutral=True)
    box_margin: float = setting(1.2, above=0)
    # labelled-only: the lower bound; all: the upper bound.
    labels: str = setting("as-tagged", choices=("as-tagged", "labelled-only", "all"))
    # Over all processes; half of each is labelled.
    batch_size: int = setting(128, at_least=2)
    workers: int = setting(0, at_least=0, result_neutral=True)
    # One view of each image. Shares of mirrored, cropped and recoloured ones; a crop is a share
    # of the area, scaled back; colours are x * contrast + brightness, both about 1 and 0.
    flip: float = setting(0.5, at_least=0, at_most=1)
    crop: float = setting(0.0, at_least=0, at_most=1)
    crop_area: list[float] = setting([0.5, 1.0], above=0, at_most=1)
    recolour: float = setting(0.0, at_least=0, at_most=1)
    brightness: float = setting(0.2, at_least=0)
    contrast: float = setting(0.2, at_least=0, at_most=1)
    # Per channel, after all else, of images in 0..1 (not 0..255); empty: they stay in 0..1.
    mean: list[float] = setting([], at_least=0, at_most=1)
    std: list[float] = setting([], above=0)

    def __post_init__(self) -> None:
        """Checks what no single field shows; raises `ConfigError`."""
        if (self.path is None) == (self.name == "ow-dfa"):
            raise ConfigError("data.path: the table of data.name=ow-dfa, and of no other set")
        for entry in fields(self):
            owner = OWNED.get(entry.name, self.name)
            if owner != self.name and getattr(self, entry.name) != entry.default:
                raise ConfigError(f"data.{entry.name}: of data.name={owner}, and of no other set")
        if len(self.mean) != len(self.std):
            raise ConfigError(f"data.mean={self.mean} and data.std={self.std} differ in length")
        if len(self.crop_area) != 2 or self.crop_area[0] > self.crop_area[1]:
            raise ConfigError(f"data.crop_area: must be [low, high], got {self.crop_area}")
        if self.labels == "as-tagged" and self.batch_size % 2:
            raise ConfigError(
                f"data.batch_size={self.batch_size}: half of a batch is labelled; use an even one"
            )
