"""Runs that no row holds: the official code, and the pilots that settings were chosen by."""

from collections.abc import Iterator
from typing import Any

from common.results.board import Board
from common.results.configuration import flat_config
from common.results.groups import sample_of
from common.results.pages.document import (
    Block,
    Fold,
    Heading,
    Table,
    Text,
    Verbatim,
    joined,
)
from common.results.pages.formatting import sample_text, short_metric, shown_metrics
from common.results.record import Record

Setting = tuple[tuple[str, Any], ...]


def aside(board: Board, paper: str) -> Iterator[Block]:
    """Yields a table of the official runs, and one of the pilots of each recipe."""
    records = [record for record in board.aside if record.paper == paper]
    official = [record for record in records if not record.pilot]
    if official:
        yield Heading(2, f"Official code of {paper}")
        rows = [
            ((Verbatim(one.filename),), _official(one), _values([one], shown_metrics(one.metrics)))
            for one in official
        ]
        yield Table(("record", "run", "metrics"), rows)
    pilots = [record for record in records if record.pilot]
    if pilots:
        yield Heading(2, f"Pilots of {paper}")
    for recipe in dict.fromkeys(record.recipe for record in pilots):
        yield from _pilots(board, [record for record in pilots if record.recipe == recipe])


def _official(record: Record) -> Text:
    code = f"official code at {record.commit}: "
    return joined(code, (Verbatim(record.command or ""),), f"; changes: {record.changes}")


def _pilots(board: Board, records: list[Record]) -> Iterator[Block]:
    """Yields a fold with a line for each setting that was tried, its mean over seeds."""
    tried: dict[str, list[Record]] = {}
    for record in records:
        tried.setdefault(board.name_of(record), []).append(record)
    metrics = _metrics(board, records[0])
    rows: list[tuple[Text, ...]] = []
    for name, members in tried.items():
        for setting, runs in _by_setting(members).items():
            words = " ".join(f"{key}={value}" for key, value in setting) or "-"
            looked_at = ", ".join(sorted({run.looked_at or "-" for run in runs}))
            cells = (Verbatim(name),), (Verbatim(words),), looked_at, str(len(runs))
            rows.append((*cells, _values(runs, metrics)))
    title = f"{records[0].recipe}: {len(rows)} settings were tried"
    yield Fold(title, [Table(("arm", "setting", "looked at", "seeds", "metrics"), rows)])


def _by_setting(records: list[Record]) -> dict[Setting, list[Record]]:
    """Groups the runs of an arm by the keys whose values differ among them."""
    flat = [dict(flat_config(record.config or {})) for record in records]
    keys = sorted({key for one in flat for key in one})
    differing = [key for key in keys if len({repr(one.get(key)) for one in flat}) > 1]
    found: dict[Setting, list[Record]] = {}
    for record, values in zip(records, flat, strict=True):
        setting = tuple((key, _hashable(values.get(key))) for key in differing)
        found.setdefault(setting, []).append(record)
    return dict(sorted(found.items(), key=repr))


def _hashable(value: Any) -> Any:
    return repr(value) if isinstance(value, list) else value


def _metrics(board: Board, record: Record) -> list[str]:
    """Returns the metrics that the paper's claims compare by, on the pilots' split, or all."""
    claims = board.claims_of(record.paper).claims
    names = {one.comparison.metric.partition("/")[2] for one in claims if one.comparison}
    shown = shown_metrics(record.metrics)
    return [one for one in shown if one.partition("/")[2] in names] or shown


def _values(records: list[Record], metrics: list[str]) -> str:
    samples = {one: sample_of([record.metrics for record in records], one) for one in metrics}
    return ", ".join(f"{short_metric(one)} {sample_text(value)}" for one, value in samples.items())
