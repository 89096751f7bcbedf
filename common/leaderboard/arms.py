"""Every arm beside its baselines, ablations and learning-free references, on the same data."""

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
from common.leaderboard.record import NO_NUMBER, Record
from common.leaderboard.statistics import Sample

Key = tuple[str, str, str, str]


def render_arms(board: Board) -> list[str]:
    """Returns a table for each paper, data set and protocol, with how the training ended."""
    lines: list[str] = []
    for key, groups in sections(board.groups).items():
        paper, data, data_hash, protocol = key
        if lines:
            lines.append("")
        protocols = protocol.replace("+", " and ")
        lines += [f"### {paper} on {data}: {protocols}", "", f"Data `{data_hash[:8]}`.", ""]
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
    names = [metric.removeprefix("test/") for metric in metrics]
    # Signs of a collapse stand beside the numbers that it spoils.
    signs = sorted({key for group in groups for key in last_values(group.latest)})
    names += [sign.removeprefix(DIAGNOSTICS) for sign in signs]
    header = ("arm", "recipe", "epochs", *names, "seeds", "status", "runs", "commit")
    rows = [_arm_cells(board, group, metrics, signs) for group in groups]
    for name, samples in references_of(groups).items():
        values = [sample_text(samples.get(metric)) for metric in (*metrics, *signs)]
        count = max(sample.n for sample in samples.values())
        cells = (f"*{name}*", "-", "-", *values, seeds_text(count), "reference", "-", "-")
        rows.append(cells)
    return table(header, rows)


def _arm_cells(board: Board, group: Group, metrics: list[str], signs: list[str]) -> tuple[str, ...]:
    record = group.latest
    ends = [last_values(one) for one in group.records]
    arm = record.arm + (" (published weights)" if record.weights == "published" else "")
    return (
        arm,
        f"`{record.reference}`",
        "-" if record.weights == "published" else str(record.epochs),
        *(sample_text(group.sample(metric)) for metric in metrics),
        *(sample_text(sample_of(ends, sign)) for sign in signs),
        seeds_text(len(group.records)),
        arm_status(board, group),
        run_links(group),
        commits(group),
    )


def arm_status(board: Board, group: Group) -> str:
    """Returns ``compared above``, or ``scaled`` with its reason; ``stale`` goes before both."""
    compared = any(comparable_groups(entry, [group]) for entry in board.entries)
    status = "compared above" if compared else f"scaled: {group.scaled_by_hand or NO_NUMBER}"
    return f"stale ({status}; {group.stale})" if group.stale else status


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
