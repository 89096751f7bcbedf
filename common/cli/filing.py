"""What `papers leaderboard --add` files, and what it says is still missing for a row."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from common.errors import UsageError
from common.results.board import Board, read_board
from common.results.record import NO_NUMBER, Record, commit_record, has_rows, read_record
from common.results.statistics import MIN_SEEDS


def file_record(path: Path, root: Path, console: Console, pilot: str | None) -> None:
    """Files the record at ``path`` under ``root``'s ``results/`` and says what it still needs.

    Raises:
        UsageError: If there is no record, or one of a run that measured nothing or whose paper has
            no rows here.
    """
    path = path / "result.json" if os.path.isdir(path) else path
    if not os.path.isfile(path):
        raise UsageError(
            f"{path}: no such record; --add takes the folder of a finished run, such as "
            "runs/PAPER/RECIPE/RUN, or the file of a record"
        )
    record = read_record(path)
    if not has_rows(record):
        raise UsageError(
            f"{path}: {record.paper} is no paper of this project, so that the record stays there; "
            "--html DIR --results runs shows it"
        )
    if not record.metrics:
        raise UsageError(f"{path}: metrics: the run measured nothing, so no row can show it")
    if pilot is not None:
        record = replace(record, pilot=True, looked_at=pilot)
    lines = [f"filed {commit_record(record, root / 'results')}"]
    lines += still_missing(record, read_board(root, record.paper))
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def still_missing(record: Record, board: Board) -> Iterator[str]:
    """Yields what keeps ``record`` from the reported numbers and claims of its setting.

    Args:
        record: It is in ``board``, unless it is a pilot's or the official code's: they count for
            nothing.
    """
    if record.scaled:
        yield f"no reported number is set beside it: {record.scaled_reason}"
    if not record.counts:
        return
    group = next((each for each in board.groups if record in each.records), None)
    if group is None:
        yield f"it counts for no row: {record.reference} has a later run of seed {record.seed}"
        return
    if record.scaled and record.scaled_reason != NO_NUMBER:
        yield f"it is another setting than {record.reference}, and no claim counts it"
        return
    lacking = MIN_SEEDS - len(group.records)
    if record.weights == "trained" and lacking > 0:
        seeds = {each.seed for each in group.records}
        free = [seed for seed in range(MIN_SEEDS + len(seeds)) if seed not in seeds][:lacking]
        again = " and ".join(f"seed={seed}" for seed in free)
        yield f"a verdict needs {MIN_SEEDS} seeds: papers train {record.reference} with {again}"
    if arms := _arms_without_run(record, board):
        yield f"claims compare it with arms that have no run: {', '.join(arms)}"


def _arms_without_run(record: Record, board: Board) -> list[str]:
    """Returns the rival arms of the claims on the record's setting that nobody has run, to type."""
    setting = f"{record.paper}/{record.recipe}"
    own = [group.latest for group in board.groups if group.scaled_by_hand is None]
    run = {each.arm for each in own if each.recipe == record.recipe}
    found = []
    for claim in board.claims_of(record.paper).claims:
        pair = claim.comparison
        if pair is None or pair.setting != setting or record.arm not in (pair.ahead, pair.behind):
            continue
        other = pair.behind if record.arm == pair.ahead else pair.ahead
        for variants in board.arms.get(setting, {}).get(other, [])[: other not in run]:
            found.append(setting if variants[0] is None else f"{setting}:{variants[0]}")
    return list(dict.fromkeys(found))
