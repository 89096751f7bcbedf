"""The ``data:`` section of samples with numbers as labels. Imports no torch."""

from dataclasses import dataclass

from common.data.images.config import ViewConfig
from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting

# Sets of a user's own: a CSV, and its column to predict.
OWN_SETS = ("image-table", "table", "volume-table")


@dataclass(frozen=True)
class RegressionFacts:
    """What a module must know of the data.

    ``shape`` is of one input: ``(features,)``, ``(channels, length)`` or ``(channels, height,
    width)``. ``target_mean`` and ``target_std`` are of the training labels, in their units, and
    ``batch_range`` is the widest range of labels in a batch of the first epoch. ``target_range``:
    the least and the largest training label.
    """

    shape: tuple[int, ...] = (3, 224, 224)
    num_samples: int = 12_208
    target_mean: float = 0.0
    target_std: float = 1.0
    batch_range: float = 100.0
    target_range: tuple[float, float] = (0.0, 100.0)


@dataclass
class RegressionConfig:
    """Which samples, how they are split, and how views are made of them."""

    name: str = setting(
        "scattered-rotated-digits",
        choices=DataSets("number"),
        hashed_values={"image-table": "picture-table"},
    )
    # Where packed sets lie; null: $LIKEWISE_DATA.
    root: str | None = setting(None, result_neutral=True)
    # For `table`, `image-table` and `volume-table`: a .csv[.gz] with a header, and the column to
    # predict. Names of images or .npy are in its column `path`; `split` may say train, val, test.
    path: str | None = setting(None, result_neutral=True)
    target: str | None = None
    # For a table: columns of text that become one column of 0 and 1 a value; columns left out.
    categorical: list[str] = setting([])
    drop: list[str] = setting([])
    # Which of the set's fixed splits; null: the run's seed, modulo their number.
    split: int | None = setting(None, at_least=0)
    # Share of the training samples kept as "val", unless the set brings its own.
    holdout: float = setting(0.1, above=0, below=1)
    # Few samples: only so many of the training part, drawn once and for all; null: all.
    num_train: int | None = setting(None, at_least=2)
    # Imbalance: of training samples with the largest label one in so many is kept, with the
    # smallest all, geometrically between. Validation and test samples stay.
    imbalance: float = setting(1.0, at_least=1)
    # Zero mean and unit deviation of each table column, or channel of series and volumes, over the
    # training samples; images stay in 0..1. Labels keep their units.
    standardise: bool = True
    # Over all processes.
    batch_size: int = setting(64, at_least=2)
    workers: int = setting(0, at_least=0, result_neutral=True)
    # Views of each sample; 1 with no noise, shift or swap is the sample itself.
    num_views: int = setting(2, at_least=1)
    # Standard deviation of white noise, in the units of the (standardised) inputs.
    noise: float = setting(0.1, at_least=0)
    # Images, series and volumes: the largest cyclic shift along each axis, either way.
    shift: int = setting(0, at_least=0)
    # Share of inputs that are swapped for those of other training samples (tables).
    swap: float = setting(0.0, at_least=0, below=1)
    # Images from files: pixels a side. They are held in memory with 8 bits.
    size: int = setting(224, at_least=8)
    # Images: views as the image papers make them, in place of num_views (which must not be set
    # beside them), noise, shift and swap (which must be 0); all of one size. Per channel, mean and
    # std after all else, of images in 0..1 (not 0..255).
    views: list[ViewConfig] = setting([])
    mean: list[float] = setting([], at_least=0, at_most=1)
    std: list[float] = setting([], above=0)
    # `cmapss-fd001`: cycles in a window, and the largest label (the literature caps at 125).
    window: int = setting(30, at_least=1)
    label_cap: float = setting(125.0, above=0)

    def __post_init__(self) -> None:
        """Checks what no single field shows; raises `ConfigError`."""
        for name in ("path", "target"):
            if (getattr(self, name) is None) == (self.name in OWN_SETS):
                raise ConfigError(
                    f"data.{name}: needed for data.name=table, image-table and volume-table, "
                    "and for no other set"
                )
        if len({view.size for view in self.views}) > 1 or len(self.mean) != len(self.std):
            raise ConfigError("data: views must be of one size, mean and std of one length")
        drawn = [name for name in ("noise", "shift", "swap") if getattr(self, name)]
        if self.views and drawn:
            raise ConfigError(
                f"data.views: made in place of data.{' and data.'.join(drawn)}, which would do "
                f"nothing; set {' '.join(f'data.{name}=0' for name in drawn)}"
            )
        if self.views and self.num_views != RegressionConfig.num_views:
            raise ConfigError(
                f"data.num_views={self.num_views}: data.views are made in its place, "
                f"{self.total_views} of each sample; leave out one of the two"
            )
        named = [str(self.target), *self.categorical, *self.drop]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ConfigError(f"data: {twice} stand in two of target, categorical and drop")

    @property
    def total_views(self) -> int:
        """How many views of each sample are made."""
        return sum(view.count for view in self.views) or self.num_views
