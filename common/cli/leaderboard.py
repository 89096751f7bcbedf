"""What `papers leaderboard` and `papers info` print: pages, filed records, ours beside reported."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.columns import Columns
from rich.console import Console
from rich.padding import Padding

from common.config.checkout import SOURCE_ROOT, require_checkout
from common.config.console import plain_table
from common.errors import UsageError
from common.results.groups import Group
from common.results.leaderboard import Leaderboard, ReportedRow, read_leaderboard
from common.results.pages.arms import arm_status
from common.results.pages.document import plain_words
from common.results.pages.formatting import sample_text, short_metric, shown_metrics
from common.results.pages.reported import (
    decimals_of_row,
    gap_text,
    mark_unverified,
    number_text,
    reported_runs,
    runs_text,
)
from common.results.pages.write import check_pages, results_path, write_pages
from common.results.record import (
    NO_NUMBER,
    Record,
    commit_record,
    has_rows,
    read_record,
    trial_problem,
)
from common.results.statistics import MIN_SEEDS
from common.results.wandb_records import import_tracked, offline_runs


def build_leaderboard(
    check: bool,
    console: Console,
    root: Path | None = None,
    wandb: str | None = None,
    add: list[Path] | None = None,
    pilot: str | None = None,
    runs: Path = Path("runs"),
) -> None:
    """Writes the pages made of the records, or only checks them.

    Args:
        check: Write nothing.
        console: Where to tell what was done.
        root: The folder that holds ``results/`` and ``papers/``.
        wandb: ``ENTITY/PROJECT``, whose tracked runs are filed under ``results/`` first.
        add: Run folders, or files of records, which are filed under ``results/`` first.
        pilot: The split that the runs of ``add`` were looked at on, where they are pilots.
        runs: Where runs that were tracked offline are looked for.

    Raises:
        LikewiseError: With ``check``, if a page is stale; names it and the first difference.
        UsageError: With ``check`` beside what writes, or a folder without a record; without
            ``root`` outside of a checkout.
    """
    if pilot is not None and not add:
        raise UsageError("--pilot says what the runs of --add are: name them")
    if check and (wandb or add):
        raise UsageError("--check writes nothing; --wandb and --add do: use one of them")
    if root is None:
        require_checkout("papers leaderboard")
        root = SOURCE_ROOT
    for path in add or []:
        file_record(path, root, console, pilot)
    if wandb:
        _show_offline(runs, console)
        _import(wandb, root / "results", console)
    if check:
        check_pages(root)
        console.print("the pages agree with the records")
        return
    with console.status("reading the records"):
        changed = write_pages(root, read_leaderboard(root))
    for path in changed:
        console.print(f"wrote {path.relative_to(root)}")
    if not changed:
        console.print("the pages agree with the records already")


def write_html(folder: Path, results: Path | None, runs: Path, console: Console) -> None:
    """Writes the pages for a browser, with curves and images, to ``folder`` and nothing elsewhere.

    Args:
        folder: Made, or replaced where it is such a page.
        results: The folder of the records to show, as `papers campaign` leaves or files them; this
            checkout's by default.
        runs: Where the images of runs are looked for.
        console: Where to tell.

    Raises:
        UsageError: ``folder`` holds something else, or ``results`` holds no record.
    """
    from common.results.pages.site import check_page_folder, write_page

    check_page_folder(folder)
    if results is None:
        require_checkout("papers leaderboard --html without --results DIR")
    with console.status("reading the records"):
        board = read_leaderboard(SOURCE_ROOT, results=results)
    if results is not None and not board.papers():
        raise UsageError(f"--results {results}: holds no record of a finished run")
    with console.status("writing the page"):
        page = write_page(board, folder, runs)
    console.print(f"wrote {page}", soft_wrap=True)


def _show_offline(runs: Path, console: Console) -> None:
    lines = offline_runs(runs)
    if lines:
        console.print(
            f"tracked offline below {runs}; upload them and call this again:", style="yellow"
        )
    for line in lines:
        console.print(line, soft_wrap=True)


def _import(project: str, results: Path, console: Console) -> None:
    found = import_tracked(project, results)
    for path in found.written:
        console.print(f"filed {path.parent.name}/{path.name}")
    for reason in found.skipped:
        console.print(f"left out: {reason}", style="yellow")
    console.print(
        f"{project}: {len(found.written)} new records, {len(found.known)} here already, "
        f"{len(found.skipped)} left out",
    )


def print_our_numbers(
    paper: str, console: Console, recipe: str | None = None, root: Path | None = None
) -> None:
    """Prints the reported numbers beside ours, then the runs without a reported number.

    Args:
        paper: Its folder's name.
        console: Where to.
        recipe: Only the numbers of this one.
        root: The folder that holds ``results/`` and ``papers/``.
    """
    board = read_leaderboard(root, paper)
    rows = [row for row in board.rows if recipe in (None, row.entry.recipe)]
    compared = [row for row in rows if row.ours is not None]
    if compared:
        _print_reported(compared, console)
        console.print(f"where they come from: {results_path(paper)}")
    if not_run := len(rows) - len(compared):
        waiting = f"{not_run} reported numbers not run yet: {results_path(paper)}"
        console.print(waiting, soft_wrap=True)
    others = [group for group in board.uncompared() if recipe in (None, group.latest.recipe)]
    # All arms of a paper would fill pages.
    listed = [group for group in others if recipe or group.latest.arm == "method"]
    if listed:
        console.print("\nother runs:")
        for group in listed:
            _print_other(board, group, console)
    if more := len(others) - len(listed):
        console.print(f"{more} more arms: papers info {paper}/RECIPE, or {results_path(paper)}")
    if not rows and not others:
        name = f"{paper}/{recipe}" if recipe else paper
        console.print(f"no reported numbers and no runs of {name} yet")


def _print_reported(rows: list[ReportedRow], console: Console) -> None:
    """Prints a table a setting and source, a line a metric: what its rows share stands above."""
    settings: dict[str, list[ReportedRow]] = {}
    for row in rows:
        settings.setdefault(_shared(row), []).append(row)
    for name, members in settings.items():
        console.print(f"\n{name}", style="bold")
        numbers = plain_table()
        for column in ("metric", "reference", "ours", "gap", "status"):
            # Names that are to be typed, and the verdict, are never broken.
            numbers.add_column(column, no_wrap=column in ("metric", "status"), overflow="fold")
        for row in members:
            ours = sample_text(row.ours, decimals_of_row(row))
            cells = (short_metric(row.metric), number_text(row), ours, gap_text(row), row.status)
            numbers.add_row(*cells)
        console.print(numbers)


def _shared(row: ReportedRow) -> str:
    """Returns a row's recipe, whose numbers ours are beside, and how many runs both are of."""
    entry = row.entry
    origin = plain_words(mark_unverified(entry.origin, entry))
    name = entry.reference.removeprefix(f"{entry.paper}/")
    assert row.ours  # rows without a number of ours are counted, not printed
    runs = runs_text(entry.weights, row.ours.n)
    return f"{name}: {runs}, beside {origin}{reported_runs(row)}"


def _print_other(board: Leaderboard, group: Group, console: Console) -> None:
    """Prints a setting without a reported number: a line on its runs, and its numbers below."""
    record = group.latest
    name = board.name_of(record)
    runs = runs_text(record.weights, len(group.records))
    facts = f"{record.arm}, {runs}, {arm_status(board, group)}"
    console.print(Padding(f"{name}  {facts}", (0, 0, 0, 2), expand=False))
    metrics = shown_metrics(record.metrics)
    _print_values([(metric, sample_text(group.sample(metric))) for metric in metrics], console)


def _print_values(values: list[tuple[str, str]], console: Console) -> None:
    """Prints metrics with their numbers side by side; columns break no entry."""
    entries = [f"{short_metric(metric)} {text}" for metric, text in values]
    console.print(Padding(Columns(entries, padding=(0, 3)), (0, 0, 0, 4)))


def file_record(path: Path, root: Path, console: Console, pilot: str | None) -> None:
    """Files the record at ``path`` under ``root``'s ``results/`` and says what it still needs.

    Raises:
        UsageError: If there is no record, or one of a trial, of a run that measured nothing or
            whose paper has no rows here.
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
    if problem := trial_problem(record.paper, record.config):
        raise UsageError(f"{path}: {problem}")
    if not record.metrics:
        raise UsageError(f"{path}: metrics: the run measured nothing, so no row can show it")
    if pilot is not None:
        record = replace(record, pilot=True, looked_at=pilot)
    lines = [f"filed {commit_record(record, root / 'results')}"]
    lines += still_missing(record, read_leaderboard(root, record.paper))
    for line in lines:
        console.print(line, soft_wrap=True)


def still_missing(record: Record, board: Leaderboard) -> Iterator[str]:
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


def _arms_without_run(record: Record, board: Leaderboard) -> list[str]:
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
