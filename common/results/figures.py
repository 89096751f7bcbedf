"""What `papers evaluate` measured of anything: its file, its rows, and tables beside each other."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.errors import DataError
from common.results.metrics import arrow
from common.results.pages.document import Block, Heading, Paragraph, Table

KIND = "likewise evaluation 1"
COLUMNS = ("what", "data", "data_digest", "encoder", "metric", "value", "low", "high", "rows")
CHANCE = "chance"
SAYS = (
    "Brackets hold the 95 % interval over the tested rows: how the value would vary with other "
    "rows, not with another training, which seeds would tell. A metric without one is no mean over "
    "rows."
)
APART = (
    "The tables stand apart since their data differ: other samples, labels, order or tested rows, "
    "or vectors where the other has images."
)
UNPAIRED = (
    " Results keep no values of rows: there is no interval of the difference of two columns, and "
    "where their brackets overlap one can still be better."
)
# Value, low, high and number of rows.
Figures = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Evaluation:
    """Figures of what was asked about and of what learns nothing, on the same samples.

    Attributes:
        what: What was asked about.
        digest: Of a file of vectors, of a function or of weights, or else of an encoder's arrays.
        data: The data, in words.
        data_digest: Of the data.
        seed: Of splits that were drawn, protocols and random vectors.
        samples: How many, by part, and the length of a vector.
        protocols: Their settings, by name.
        encoders: Figures by encoder and metric, those of what was asked about first.
        versions: Of the libraries.
        form: In which images were given: size, mean and deviation.
        measures: What each protocol measures, in words.
    """

    what: str
    digest: str
    data: str
    data_digest: str
    seed: int
    samples: dict[str, int]
    protocols: dict[str, Any]
    encoders: dict[str, Figures]
    versions: dict[str, str]
    form: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yields a row of `COLUMNS` for each figure."""
        for encoder, figures in self.encoders.items():
            for metric, figure in figures.items():
                yield self.what, self.data, self.data_digest, encoder, metric, *figure

    def to_json(self) -> str:
        """Returns the file's content."""
        return json.dumps({"kind": KIND, **asdict(self)}, indent=1) + "\n"


def is_evaluation(path: Path) -> bool:
    """Tells whether ``path`` is a file that `Evaluation.to_json` gave."""
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return KIND in file.read(200)


def read_evaluation(path: Path) -> Evaluation:
    """Reads a file that `Evaluation.to_json` gave; raises `DataError` where it is broken."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known = Evaluation.__dataclass_fields__
        return Evaluation(**{name: value for name, value in values.items() if name in known})
    except (AttributeError, ValueError, TypeError) as error:
        raise DataError(f"{path}: no result of papers evaluate: {error}") from None


def as_csv(found: Iterable[Evaluation]) -> str:
    """Returns all figures, a row each."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(row for one in found for row in one.rows())
    return text.getvalue()


def blocks_of(found: Sequence[Evaluation], metrics: Sequence[str] = ()) -> list[Block]:
    """Returns a table for the evaluations of each data set, a column an encoder.

    What learns nothing stands once, from the first evaluation that has it.

    Args:
        found: Evaluations.
        metrics: Those that are shown; none: all.
    """
    blocks: list[Block] = []
    digests = dict.fromkeys(one.data_digest for one in found)
    for digest in digests:
        own = [one for one in found if one.data_digest == digest]
        columns: dict[str, Figures] = {}
        for one in own:
            asked, *others = one.encoders
            columns[_free(one.what, columns)] = one.encoders[asked]
            for name in others:
                # An untrained network is that of its own shape alone.
                called = f"{one.what} {name}" if name == "untrained" and len(own) > 1 else name
                columns.setdefault(called, one.encoders[name])
        names = dict.fromkeys(name for figures in columns.values() for name in figures)
        rows = [
            [name + arrow(name), *(_cell(figures.get(name)) for figures in columns.values())]
            for name in names
            if not metrics or name in metrics
        ]
        counts = ", ".join(f"{count:,} {part}" for part, count in own[0].samples.items())
        if near := dict.fromkeys(
            str(one.protocols["knn"]["k"]) for one in own if "knn" in one.protocols
        ):
            counts += f"; knn.k={' and '.join(near)}"
        blocks += [Heading(2, f"{own[0].data}: {counts}"), Table(["metric", *columns], rows)]
    says = f"{APART} {SAYS}" if len(digests) > 1 else SAYS
    measures = dict.fromkeys(text for one in found for text in one.measures.values())
    return [
        *blocks,
        *map(Paragraph, measures),
        Paragraph(says + UNPAIRED * (len(found) > len(digests))),
    ]


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Returns ``name``, numbered where it is taken."""
    names = (name, *(f"{name} ({number})" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)


def _cell(figure: Sequence[float | None] | None) -> str:
    if figure is None or figure[0] is None:
        return "-"
    value, low, high = figure[:3]
    said = f"{value:.4g}"
    return said if low is None or high is None else f"{said} [{low:.4g}, {high:.4g}]"
