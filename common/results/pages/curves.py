"""Learning curves on a paper's page: a table for each recipe whose method was trained with them."""

from collections.abc import Iterator, Sequence

from common.results.curves import DIAGNOSTICS, value_at
from common.results.groups import Group, sample_of
from common.results.leaderboard import Leaderboard
from common.results.pages.document import (
    Block,
    Heading,
    Paragraph,
    Table,
    Verbatim,
    marked,
)
from common.results.pages.formatting import (
    ends_text,
    first_of_each_kind,
    sample_text,
    seeds_text,
    shown_metrics,
)
from common.results.record import Record

# Curves are shown at these shares of a training, at every second one where not all is shown.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
INTRODUCTION = """\
Finished runs of the method: mean ± spread over seeds at shares of the training (`-`: no logged
point is near). `val/` is measured on the hold-out, all else on training batches."""


def curves_of_paper(board: Leaderboard, paper: str, every: bool) -> Iterator[Block]:
    """Yields a table for each recipe of ``paper`` whose method was trained with its curves.

    Without ``every`` it shows fewer shares, and one diagnostic of those that differ in numbers.
    """
    found = False
    for group in board.groups:
        records = [record for record in group.records if record.curves]
        if (group.latest.paper, group.latest.arm) == (paper, "method") and records:
            if not found:
                yield Paragraph(marked(INTRODUCTION))
            found = True
            yield from _section(group, records, every)
    if not found:
        yield Paragraph("No learning curves yet.")


def _section(group: Group, records: Sequence[Record], every: bool) -> Iterator[Block]:
    latest = group.latest
    length = ends_text((record.batches for record in records), ",")
    facts = f"{length} batches of {latest.global_batch:,}, {seeds_text(len(records))}"
    stale = f"; {group.stale}" if group.stale else ""
    yield Heading(3, (Verbatim(latest.reference), f" on {latest.data}: {facts}{stale}"))
    shares = SHARES if every else SHARES[::2]
    header = ("metric", *(f"{share * 100:.0f} %" for share in shares))
    yield Table(header, [(key, *_cells(records, key, shares)) for key in _keys(records, every)])


def _keys(records: Sequence[Record], every: bool) -> list[str]:
    """Returns the loss first, then what validation and the diagnostics show."""
    found = {key for record in records for key in record.curves}
    diagnostics = sorted(key for key in found if key.startswith(DIAGNOSTICS))
    loss = [key for key in ("train/loss",) if key in found]
    measured = found - set(diagnostics) - set(loss)
    if not every:
        diagnostics = first_of_each_kind(diagnostics, r"\d+")
    return [*loss, *(shown_metrics(measured) if measured else []), *diagnostics]


def _cells(records: Sequence[Record], key: str, shares: Sequence[float]) -> list[str]:
    cells = []
    for share in shares:
        values = [{key: value_at(record, key, share)} for record in records]
        cells.append(sample_text(sample_of(values, key)))
    return cells
