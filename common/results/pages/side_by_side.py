"""`papers compare`: arms side by side, as blocks of a page and as rows of a table."""

import csv
import io
from collections.abc import Iterator, Sequence

from common.results.comparison import ArmLine, Arms
from common.results.ledger import STANDINGS
from common.results.metrics import BESIDE
from common.results.pages.document import Block, Heading, Paragraph, Table, Verbatim
from common.results.pages.formatting import (
    decimals_of,
    difference_text,
    first_of_each_kind,
    sample_text,
    seeds_text,
    short_metric,
    shown_metrics,
    status_text,
)

COLUMNS = (
    *("data", "data_hash", "protocol", "split", "arm", "metric", "seeds", "mean", "deviation"),
    *("compared_with", "pairs", "difference", "low", "high", "verdict"),
)
HOW_PAIRED = ", paired by seed, with the half-width of their 95 % interval."
MOST_TABLES = 3  # unasked
Cell = str | int | float | None


def arms_blocks(arms: Arms, asked: Sequence[str] = ()) -> Iterator[Block]:
    """Yields what the arms share, a table for each metric, and what the words in it mean.

    Args:
        arms: To show.
        asked: The metrics; by default those that tell most.
    """
    record = arms.groups[0].latest
    protocols = record.protocol.replace("+", " and ") or "nothing measured"
    pilots = f", on {record.looked_at}" if record.looked_at else ""
    count = f"{len(arms.groups)} arm{'s' * (len(arms.groups) > 1)}"
    data = (
        f"{count} on {record.data} (",
        Verbatim(record.data_hash[:8]),
        f"): {protocols}{pilots}",
    )
    yield Heading(3, data)
    shown = [metric for metric in asked if metric in arms.metrics] or _telling(arms)
    for metric in shown:
        yield _table(arms, metric)
    if shown:
        to = (Verbatim(arms.to_name), HOW_PAIRED)
        yield Paragraph(("Mean ± standard deviation over seeds. Differences are to ", *to))
    for word in dict.fromkeys(group.stale for group in arms.groups if group.stale):
        yield Paragraph((Verbatim(word), f": {STANDINGS[word]}."))
    if more := [metric for metric in shown_metrics(arms.metrics) if metric not in shown]:
        yield Paragraph(f"Also measured, for --metric: {', '.join(map(short_metric, more))}.")


def _telling(arms: Arms) -> list[str]:
    kept = shown_metrics(arms.metrics) if arms.metrics else []
    told = [one for one in arms.metrics if one in kept and not BESIDE.search(one)]
    return first_of_each_kind(told, r"[@_]\d+$")[:MOST_TABLES]


def _table(arms: Arms, metric: str) -> Table:
    lines = list(arms.lines(metric))
    first = next((line.sample for line in lines if line.sample), None)
    places = decimals_of(first.mean) if first else None
    less = ", less is better" if arms.lower[metric] else ""
    header = ("arm", f"{short_metric(metric)}{less}", "seeds", "difference", "verdict")
    return Table(header, [_cells(line, places) for line in lines])


def _cells(line: ArmLine, places: int | None) -> tuple[str, ...]:
    count = str(line.sample.n) if line.sample else "-"
    paired = line.differences
    difference = difference_text(paired, places)
    if paired and line.sample and paired.n < line.sample.n:
        difference += f", {seeds_text(paired.n)}"
    verdict = status_text(line.verdict, line.stale) if line.verdict else line.stale or "-"
    return line.name, sample_text(line.sample), count, difference, verdict


def arms_rows(arms: Arms) -> Iterator[tuple[Cell, ...]]:
    """Yields a row of `COLUMNS` for each metric and arm."""
    record = arms.groups[0].latest
    shared = record.data, record.data_hash, record.protocol, record.looked_at or "test"
    for metric in arms.metrics:
        for line in arms.lines(metric):
            sample, paired, verdict = line.sample, line.differences, line.verdict
            yield (
                *(*shared, line.name, metric),
                *((sample.n, sample.mean, sample.spread) if sample else (0, None, None)),
                *(arms.to_name if verdict else None, paired.n if paired else None),
                *(paired.mean if paired else None, *(line.interval or (None, None))),
                status_text(verdict, line.stale) if verdict else line.stale,
            )


def rows_as_csv(found: Sequence[Arms]) -> str:
    """Returns the rows of all ``found`` as CSV, below a line with `COLUMNS`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for arms in found:
        writer.writerows(arms_rows(arms))
    return text.getvalue()
