"""The schema of ``data:`` for item sequences. Imports no torch."""

from dataclasses import dataclass

from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting


@dataclass(frozen=True)
class SequenceFacts:
    """What a module must know of the data: real items (ids 1 to ``num_items``) and length."""

    num_items: int = 12101
    max_length: int = 50


@dataclass
class SequenceConfig:
    """Which sequences, how they are cut, and how views are made of them."""

    name: str = setting("sessions", choices=DataSets("sequences"))
    # Where packed sets lie; null: $LIKEWISE_DATA.
    root: str | None = setting(None, result_neutral=True)
    # For `name: file`: a table of clicks (.csv, .tsv, .parquet), a `.txt[.gz]` (user, then items, a
    # line each) or a RecBole `.inter`.
    path: str | None = setting(None, result_neutral=True)
    # Columns of a table of clicks; null: those that are called so (docs/data.md), and without one
    # of times the order of lines.
    user: str | None = None
    item: str | None = None
    time: str | None = None
    # For `name: file`: greatest allowed item id, all up to it being ranked; null: the items that
    # occur, which are numbered anew where their ids are not the whole numbers from 1 on.
    num_items: int | None = setting(None, at_least=1)
    # Users and items with fewer actions are dropped until none is left to drop; null: all stay.
    # ml-latest-small is a 5-core to begin with.
    core: int | None = setting(None, at_least=3)
    # For `name: sessions`: seed of the generated data, apart from the run's own.
    data_seed: int = setting(0, at_least=0)
    num_users: int = setting(1500, at_least=10)
    batch_size: int = setting(256, at_least=2)
    drop_last: bool = False
    # The latest so many items of a sequence are used.
    max_length: int = setting(50, at_least=2)
    crop_ratio: float = setting(0.5, at_least=0, below=1)
    mask_ratio: float = setting(0.5, at_least=0, below=1)
    reorder_ratio: float = setting(0.8, at_least=0, at_most=1)
    workers: int = setting(0, at_least=0, result_neutral=True)

    def __post_init__(self) -> None:
        """Refuses a path that nothing would read; raises `ConfigError`."""
        if self.path is not None and self.name != "file":
            raise ConfigError(
                f"data.path: {self.name} has files of its own; for your sequences add "
                "data.name=file"
            )
