"""Every arm beside its baselines, ablations and learning-free references, on the same data."""

import re
from collections import Counter
from collections.abc import Sequence

from common.leaderboard.aggregate import Group, comparable_groups, sample_of
from common.leaderboard.board import Board
from common.leaderboard.curves import DIAGNOSTICS
from common.leaderboard.markdown import (
    commits,
    run_links,
    sample_text,
    seeds_text,
    shown,
    table,
)
from common.leaderboard.normal import last_values
from common.leaderboard.record import Record
from common.leaderboard.statistics import Sample

Key = tuple[str, str, str, str]
# Columns beyond these many are folded away below the table.
MOST_METRICS = 10


def render_arms(board: Board) -> list[str]:
    """Returns a table for each paper, data set and protocol, with how the training ended."""
    lines: list[str] = []
    for key, groups in sections(board.groups).items():
        paper, data, data_hash, protocol = key
        if lines:
            lines.append("")
        protocols = protocol.replace("+", " and ") or "nothing measured"
        lines += [f"### {paper} on {data} (`{data_hash[:8]}`): {protocols}", ""]
        lines += _arms_table(board, groups)
    return lines or ["No runs yet."]


def sections(groups: Sequence[Group]) -> dict[Key, list[Group]]:
    """Collects the groups that share paper, data and protocol; the method's come first."""
    found: dict[Key, list[Group]] = {}
    for group in sorted(groups, key=_order):
        record = group.latest
        key = (record.paper, record.data, record.data_hash, record.protocol)
        found.setdefault(key, []).append(group)
    return dict(sorted(found.items()))


def _order(group: Group) -> tuple[int, str, str, str]:
    record = group.latest
    kinds = ("method", "ablation", "baseline")
    rank = kinds.index(record.arm.split("/")[0])
    return rank, record.arm, record.reference, record.config_hash


def _arms_table(board: Board, groups: list[Group]) -> list[str]:
    metrics = shown({m for group in groups for m in group.latest.metrics})
    first = headline(board, groups, metrics)
    # Signs of a collapse stand beside the numbers that it spoils.
    every = sorted({key for group in groups for key in last_values(group.latest)})
    signs = one_of_each_kind(every)
    header = (
        "arm",
        "recipe",
        "epochs",
        *_names([*first, *signs], [*metrics, *every]),
        "seeds",
        "status",
    )
    rows = [_arm_cells(board, group, first, signs) for group in groups]
    for name, samples in references_of(groups).items():
        values = [sample_text(samples.get(metric)) for metric in (*first, *signs)]
        count = max(sample.n for sample in samples.values())
        cells = (f"*{name}*", "-", "-", *values, seeds_text(count), "reference", "-", "-")
        rows.append(cells)
    return [
        *table((*header, "runs", "commit"), rows),
        *_folded(groups, [*metrics, *every], {*first, *signs}),
    ]


def headline(board: Board, groups: list[Group], metrics: list[str]) -> list[str]:
    """Returns the metrics that a table of arms shows unfolded: all, unless they are too many.

    Of many it is one of each kind (``hr@5`` of ``hr@5`` and ``hr@10``), of the reported kinds
    where there are any.
    """
    if len(metrics) <= MOST_METRICS:
        return metrics
    record = groups[0].latest
    reported = {
        metric
        for entry in board.entries
        if (entry.paper, entry.data) == (record.paper, record.data) and entry.measured_by(record)
        for metric in entry.metrics
    }
    kinds: dict[str, str] = {}
    for metric in [metric for metric in metrics if metric in reported] or metrics:
        kinds.setdefault(re.sub(r"[@_]\d+$", "", metric), metric)
    return [*kinds.values()][:MOST_METRICS]


def one_of_each_kind(signs: list[str]) -> list[str]:
    """Returns ``signs``; of too many, the first of those that differ in numbers only."""
    if len(signs) <= MOST_METRICS:
        return signs
    kinds: dict[str, str] = {}
    for sign in signs:
        kinds.setdefault(re.sub(r"\d+", "", sign), sign)
    return [*kinds.values()]


def _folded(groups: list[Group], keys: list[str], shown: set[str]) -> list[str]:
    """Returns tables of the ``keys`` not ``shown``, none too wide, in a part that a click opens."""
    metrics = [key for key in keys if key not in shown]
    if not metrics:
        return []
    lines = ["", f"<details><summary>{len(metrics)} more metrics</summary>"]
    for start in range(0, len(metrics), MOST_METRICS):
        part = metrics[start : start + MOST_METRICS]
        rows = [(_recipe_text(group), *_values(group, part)) for group in groups]
        for name, samples in references_of(groups).items():
            rows.append((f"*{name}*", *(sample_text(samples.get(key)) for key in part)))
        lines += ["", *table(("recipe", *_names(part, keys)), rows)]
    return [*lines, "", "</details>"]


def _names(keys: list[str], among: list[str]) -> list[str]:
    """Returns the keys without their group, unless two of ``among`` would be called the same."""

    def short(key: str) -> str:
        return key.removeprefix("test/").removeprefix(DIAGNOSTICS)

    taken = Counter(map(short, among))
    return [short(key) if taken[short(key)] == 1 else key for key in keys]


def _values(group: Group, keys: list[str]) -> list[str]:
    ends = [last_values(record) for record in group.records]
    samples = (
        sample_of(ends, key) if key.startswith(DIAGNOSTICS) else group.sample(key) for key in keys
    )
    return [sample_text(sample) for sample in samples]


def _recipe_text(group: Group) -> str:
    """Returns ``recipe:variant``; the heading says the paper."""
    record = group.latest
    name = f"`{record.reference.removeprefix(f'{record.paper}/')}`"
    return name + (" (published weights)" if record.weights == "published" else "")


def _arm_cells(board: Board, group: Group, metrics: list[str], signs: list[str]) -> tuple[str, ...]:
    record = group.latest
    compared = _is_compared(board, group)
    return (
        record.arm,
        _recipe_text(group),
        "-" if record.weights == "published" else _epochs(group),
        *_values(group, [*metrics, *signs]),
        seeds_text(len(group.records)),
        arm_status(board, group),
        "see above" if compared else run_links(group),
        "see above" if compared else commits(group),
    )


def _epochs(group: Group) -> str:
    """Returns the epochs of the runs: the fewest and the most, where an early stop ended them."""
    epochs = [record.epochs for record in group.records]
    fewest, most = min(epochs), max(epochs)
    return str(most) if fewest == most else f"{fewest} to {most}"


def _is_compared(board: Board, group: Group) -> bool:
    return any(comparable_groups(entry, [group]) for entry in board.entries)


def arm_status(board: Board, group: Group) -> str:
    """Returns ``compared above``, or ``scaled`` and what was changed; its standing goes first."""
    by_hand = f": {group.scaled_by_hand}" if group.scaled_by_hand else ""
    status = "compared above" if _is_compared(board, group) else f"scaled{by_hand}"
    return f"{group.stale} ({status})" if group.stale else status


def references_of(groups: list[Group]) -> dict[str, dict[str, Sample]]:
    """Returns mean and spread of each learning-free or untrained encoder, one value a seed.

    An untrained encoder has the architecture of the arm it was measured with, so the first
    group that has a reference speaks for it: the method's, where there is one.
    """
    found: dict[str, dict[str, Sample]] = {}
    for group in groups:
        for name in sorted({name for record in group.records for name in record.references}):
            samples = _reference_samples(group.records, name)
            if samples and name not in found:
                found[name] = samples
    return found


def _reference_samples(records: Sequence[Record], name: str) -> dict[str, Sample]:
    rows = [record.references[name] for record in records if name in record.references]
    metrics = sorted({metric for row in rows for metric in row})
    samples = {metric: sample_of(rows, metric) for metric in metrics}
    return {metric: sample for metric, sample in samples.items() if sample is not None}
