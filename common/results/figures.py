"""What `papers evaluate` measured of anything: its file, its rows, and tables beside each other."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.errors import DataError, shown
from common.results.metrics import arrow
from common.results.pages.document import Block, Heading, Paragraph, Table

KIND = "likewise evaluation 1"
COLUMNS = (
    *("what", "data", "data_digest", "encoder", "metric", "value", "low", "high", "rows"),
    *("seed", "protocol", "settings"),
)
CHANCE = "chance"
DRAWS = f"draws of {CHANCE}"
DIMENSIONS = "dimensions"
NEAR = "knn.k"
SAYS = (
    "Brackets hold the 95 % interval over the tested rows: how the value would vary with other "
    "rows, not with another training, which seeds would tell. A metric without one is no mean over "
    f"the tested rows. `{CHANCE}`, of random vectors, is the mean of its draws where other columns "
    "have brackets, and else the first draw."
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
        samples: How many, by part, and how often `CHANCE` was drawn.
        protocols: Their settings, by name.
        encoders: Figures by encoder and metric, those of what was asked about first.
        versions: Of the libraries.
        form: In which images were given: size, mean and deviation.
        measures: What each protocol measures, in words.
        drawn: Whether the tested rows were drawn, by the seed.
        measured_by: The protocol of each metric.
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
    drawn: bool = False
    measured_by: dict[str, str] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yields a row of `COLUMNS` for each figure."""
        for encoder, figures in self.encoders.items():
            for metric, figure in figures.items():
                protocol = self.measured_by.get(metric, "")
                set_to = self.protocols.get(protocol, {}).items()
                settings = "; ".join(f"{key}={shown(value)}" for key, value in set_to)
                said = (self.seed, protocol, settings)
                yield self.what, self.data, self.data_digest, encoder, metric, *figure, *said

    def settings(self) -> dict[str, str]:
        """Returns the seed and the settings of all protocols, by their keys."""
        return {"seed": str(self.seed)} | {
            f"{protocol.replace('-', '_')}.{key}": shown(value)
            for protocol, settings in self.protocols.items()
            for key, value in settings.items()
        }

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
    """Reads a file that `Evaluation.to_json` gave; raises `DataError` for any other."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known = Evaluation.__dataclass_fields__
        return Evaluation(**{name: value for name, value in values.items() if name in known})
    except OSError as error:
        mend = "; papers evaluate writes one with --out FILE.json" if path.is_dir() else ""
        raise DataError(f"{path}: no result of papers evaluate: {error.strerror}{mend}") from None
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

    Settings stand at the columns where they differ.

    Args:
        found: Evaluations.
        metrics: Those that are shown; none: all.
    """
    blocks: list[Block] = []
    digests = dict.fromkeys(one.data_digest for one in found)
    for digest in digests:
        own = [one for one in found if one.data_digest == digest]
        columns = _columns(own)
        names = dict.fromkeys(name for figures in columns.values() for name in figures)
        rows = [
            [name + arrow(name), *(_cell(figures.get(name)) for figures in columns.values())]
            for name in names
            if not metrics or name in metrics
        ]
        counts = ", ".join(f"{count:,} {part}" for part, count in own[0].samples.items())
        if own[0].drawn:
            counts += f"; the tested rows were drawn by seed={own[0].seed}"
        near = {one.settings()[NEAR] for one in own if "knn" in one.protocols}
        if len(near) == 1:
            counts += f"; {NEAR}={near.pop()}"
        blocks += [Heading(2, f"{own[0].data}: {counts}"), Table(["metric", *columns], rows)]
    says = f"{APART} {SAYS}" if len(digests) > 1 else SAYS
    measures = dict.fromkeys(text for one in found for text in one.measures.values())
    return [
        *blocks,
        *map(Paragraph, measures),
        Paragraph(says + UNPAIRED * (len(found) > len(digests))),
    ]


def _columns(found: Sequence[Evaluation]) -> dict[str, Figures]:
    """Returns figures by what stands at their column.

    What learns nothing stands once where results with the same settings agree on it.
    """
    values: dict[str, set[str]] = {}
    for one in found:
        for key, value in one.settings().items():
            values.setdefault(key, set()).add(value)
    columns: list[tuple[str, str, dict[str, Sequence[float | None]]]] = []
    for one in found:
        differing = [f"{k}={v}" for k, v in one.settings().items() if len(values[k]) > 1]
        asked, *others = one.encoders
        whole = " ".join([one.what, *differing])
        columns.append((whole, whole, {**one.encoders[asked]}))
        for name in others:
            called, figures = " ".join([name, *differing]), one.encoders[name]
            for _, other, held in columns:
                if other == called and _agree(held, figures):
                    held.update(figures)
                    break
            else:
                columns.append((f"{whole} {name}", called, {**figures}))
    often = Counter(called for _, called, _ in columns)
    named: dict[str, Figures] = {}
    for whole, called, figures in columns:
        named[_free(called if often[called] == 1 else whole, named)] = figures
    return named


def _agree(one: Figures, other: Figures) -> bool:
    return all(_cell(one[name]) == _cell(other[name]) for name in one.keys() & other.keys())


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Returns ``name``, numbered where it is taken."""
    names = (name, *(f"{name} ({number})" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)


def _cell(figure: Sequence[float | None] | None) -> str:
    if figure is None or figure[0] is None:
        return "-"
    value, low, high = figure[:3]
    said = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return said if low is None or high is None else f"{said} [{low:.4g}, {high:.4g}]"
