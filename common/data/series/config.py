"""The ``data:`` section of time series. Imports no torch."""

from dataclasses import dataclass

from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting

# Sets of a user's own: a CSV of one long series, a file of many short ones with labels.
OWN_SETS = ("csv", "labelled")


@dataclass(frozen=True)
class SeriesFacts:
    """What a module must know of the data.

    ``channels`` counts the calendar and the targets; a batch holds ``steps`` of each series.
    """

    channels: int = 8
    steps: int = 257
    num_sections: int = 33


@dataclass
class SeriesConfig:
    """Which series, how they are cut for training, and what is forecast."""

    name: str = setting("seasons-loud", choices=DataSets("series"))
    # Where packed sets lie; null: $LIKEWISE_DATA.
    root: str | None = setting(None, result_neutral=True)
    # For `name: csv` a .csv[.gz] with a header; for `labelled` an .npz or NAME_TRAIN.ts.
    path: str | None = setting(None, result_neutral=True)
    # Columns that are forecast; empty: all columns (of a CSV: but the dates).
    targets: list[str] = setting([])
    # Each target is a series of its own with one channel (as Electricity's clients).
    apart: bool = False
    # Minute, hour, weekday, day, day of year, month and ISO week of each step as inputs, too;
    # needs dates.
    calendar: bool = True
    # For `csv`: the column of dates (null: none), how they are written (null: ISO 8601; else as in
    # Python's strptime), and minutes between lines (null: what most lines are apart).
    date: str | None = "date"
    date_format: str | None = None
    step_minutes: float | None = setting(None, above=0)
    # What fills the gaps of a CSV, cells without a value and lines that are missing: the line
    # between their neighbours, which looks ahead, or the value before; null: they are refused.
    fill: str | None = setting(None, choices=("linear", "previous"))
    # Shares of a CSV for training, validation and test, in this order.
    shares: list[float] = setting([0.6, 0.2, 0.2], above=0)
    # Lines of a CSV for the three, in the place of shares; those behind them are left out.
    parts: list[int] = setting([], at_least=1)
    # Steps of a training series: a longer one is cut into sections of at least that many, and a
    # batch is cropped to it at random.
    length: int = setting(257, at_least=4)
    # Over all processes.
    batch_size: int = setting(32, at_least=2)
    workers: int = setting(0, at_least=0, result_neutral=True)
    # Steps that the representation of a step is computed from, itself included.
    window: int = setting(201, at_least=2)
    # Steps of a generated series.
    num_steps: int = setting(7_200, at_least=600)

    def __post_init__(self) -> None:
        """Checks what no single field shows; raises `ConfigError`."""
        if (self.path is None) == (self.name in OWN_SETS):
            raise ConfigError(
                "data.path: needed for data.name=csv and labelled (the file), and for no other set"
            )
        if len(self.shares) != 3 or abs(sum(self.shares) - 1) > 1e-9:
            raise ConfigError(
                f"data.shares: {self.shares} must be three shares that add up to 1 (training, "
                "validation, test)"
            )
        if len(self.parts) not in (0, 3):
            raise ConfigError(
                f"data.parts: {self.parts} must be three numbers of lines (training, validation, "
                "test), or []"
            )
        if len(set(self.targets)) != len(self.targets):
            raise ConfigError(f"data.targets: {self.targets} names a column twice")
