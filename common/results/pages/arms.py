"""Every arm beside its baselines, ablations and learning-free references, on the same data."""

from collections import Counter
from collections.abc import Iterator, Sequence

from common.results.curves import DIAGNOSTICS, last_values
from common.results.groups import Group, sample_of
from common.results.leaderboard import Leaderboard
from common.results.pages.document import (
    Block,
    Emphasis,
    Heading,
    Paragraph,
    Span,
    Table,
    Text,
    Verbatim,
)
from common.results.pages.formatting import (
    commits,
    ends_text,
    run_links,
    sample_text,
    seeds_text,
    short_metric,
    shown_metrics,
)
from common.results.pages.sections import arm_order, references_of

Key = tuple[str, str, str]


def arms_side_by_side(board: Leaderboard, paper: str) -> Iterator[Block]:
    """Yields a table for each data set and protocol of ``paper``, with how the training ended."""
    own = [group for group in board.groups if group.latest.paper == paper]
    for (data, data_hash, protocol), groups in sections(own).items():
        protocols = protocol.replace("+", " and ") or "nothing measured"
        yield Heading(3, (f"{paper} on {data} (", Verbatim(data_hash[:8]), f"): {protocols}"))
        yield from _arms_table(board, groups)
    if not own:
        yield Paragraph("No runs yet.")


def sections(groups: Sequence[Group]) -> dict[Key, list[Group]]:
    """Collects the groups of a paper that share data and protocol; the method's come first."""
    found: dict[Key, list[Group]] = {}
    for group in sorted(groups, key=arm_order):
        record = group.latest
        key = (record.data, record.data_hash, record.protocol)
        found.setdefault(key, []).append(group)
    return dict(sorted(found.items()))


def _arms_table(board: Leaderboard, groups: list[Group]) -> Iterator[Block]:
    # Signs of a collapse stand beside the numbers that it spoils.
    ends = sorted({key for group in groups for key in last_values(group.latest)})
    keys = [*shown_metrics({m for group in groups for m in group.latest.metrics}), *ends]
    rows = [_arm_cells(board, group, keys) for group in groups]
    for name, samples in references_of(groups).items():
        values = [sample_text(samples.get(key)) for key in keys]
        count = seeds_text(max(sample.n for sample in samples.values()))
        rows.append(((Emphasis(name),), "-", "-", *values, count, "reference", "-", "-"))
    header = ("arm", "recipe", "epochs", *_names(keys), "seeds", "status", "runs", "commit")
    yield Table(header, rows)


def _names(keys: list[str]) -> list[str]:
    """Returns the keys without their group, unless two of them would be called the same."""

    def short(key: str) -> str:
        return short_metric(key).removeprefix(DIAGNOSTICS)

    taken = Counter(map(short, keys))
    return [short(key) if taken[short(key)] == 1 else key for key in keys]


def _values(group: Group, keys: list[str]) -> list[str]:
    ends = [last_values(record) for record in group.records]
    samples = (
        sample_of(ends, key) if key.startswith(DIAGNOSTICS) else group.sample(key) for key in keys
    )
    return [sample_text(sample) for sample in samples]


def _recipe_text(board: Leaderboard, group: Group) -> tuple[Span, ...]:
    """Returns ``recipe:variant``; the heading says the paper."""
    record = group.latest
    name = Verbatim(board.name_of(record))
    return (name, " (published weights)") if record.weights == "published" else (name,)


def _arm_cells(board: Leaderboard, group: Group, keys: list[str]) -> tuple[Text, ...]:
    record = group.latest
    compared = board.is_compared(group)
    # An early stop ends some seeds sooner.
    epochs = ends_text(one.epochs for one in group.records)
    return (
        record.arm,
        _recipe_text(board, group),
        "-" if record.weights == "published" else epochs,
        *_values(group, keys),
        seeds_text(len(group.records)),
        arm_status(board, group),
        "see above" if compared else run_links(group),
        "see above" if compared else commits(group),
    )


def arm_status(board: Leaderboard, group: Group) -> str:
    """Returns ``compared above``, or ``scaled`` and what was changed; its standing goes first."""
    by_hand = f": {group.scaled_by_hand}" if group.scaled_by_hand else ""
    status = "compared above" if board.is_compared(group) else f"scaled{by_hand}"
    return f"{group.stale} ({status})" if group.stale else status
