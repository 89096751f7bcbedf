"""The ``data:`` section of rows with answers about them. Imports no torch."""

from dataclasses import dataclass

from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting

OWN_SET = "answered-table"


@dataclass(frozen=True)
class TrajectoryFacts:
    """What a module must know of the data.

    ``num_columns`` are of a row; the default is JacoRobot's 21 time steps of 97 numbers.
    ``num_people`` are those whose preferences are simulated, and ``samples`` is `data.samples`.
    """

    num_columns: int = 2037
    num_people: int = 8
    samples: str = "queries"


@dataclass
class TrajectoryConfig:
    """Which rows, who answers, and what a training sample is."""

    name: str = setting("gridrobot", choices=DataSets("tables"))
    # Where packed sets lie, as in every data section; none of these sets does.
    root: str | None = setting(None, result_neutral=True)
    # For `answered-table`: a CSV of numbers with a header and perhaps a column `id`, and a CSV of
    # answers with the columns `first`, `second` (the alike ones) and `odd`. They hold ids, or row
    # numbers from 0 on where there is no column `id`.
    path: str | None = setting(None, result_neutral=True)
    answers_path: str | None = setting(None, result_neutral=True)
    # queries: three rows with the person's answer. rows: of the training part, without one.
    # preferences: two rows, of which one of several simulated persons prefers one.
    samples: str = setting("queries", choices=("queries", "rows", "preferences"))
    # How many queries or preferences are drawn, by seed; at most so many of the user's own answers.
    num_answers: int = setting(1000, at_least=1)
    # three_way: the person names the two most alike (the paper, by the abstract). anchored: the one
    # more like the first (a variant of the group's code). random: anything.
    answers: str = setting("three_way", choices=("three_way", "anchored", "random"))
    # How the person scales the true features, over all rows: to 0..1, or to deviation 1. Both are
    # in the group's code, which uses the first.
    scaling: str = setting("normalize", choices=("normalize", "standardize"))
    # How sure the persons are whose preferences are trained on; code of the group.
    beta: float = setting(10.0, above=0)
    # Share of the training rows (of the user's own answers) kept as "val".
    holdout: float = setting(0.0, at_least=0, below=1)
    # Zero mean and unit deviation of each column over the training rows.
    standardise: bool = False
    # Over all processes.
    batch_size: int = setting(64, at_least=1)
    workers: int = setting(0, at_least=0, result_neutral=True)

    def __post_init__(self) -> None:
        """Checks what no single field shows; raises `ConfigError`."""
        for key in ("path", "answers_path"):
            if (getattr(self, key) is None) == (self.name == OWN_SET):
                raise ConfigError(f"data.{key}: needed for data.name={OWN_SET}, and for no other")
        if self.name == OWN_SET and (self.answers == "anchored" or self.samples == "preferences"):
            raise ConfigError(
                f"data.name={OWN_SET}: nobody is simulated; leave out data.answers=anchored and "
                "data.samples=preferences"
            )
