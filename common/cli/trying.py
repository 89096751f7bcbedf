"""What `papers try` does: checks of a loss of yours, its training, and its rivals beside it."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from common.cli.compare import print_block, records_of
from common.cli.new import TriedLoss, check_name, scaffold
from common.config.checkout import SOURCE_ROOT, is_checkout
from common.config.console import plain_table, print_table
from common.config.yaml_io import parse_overrides
from common.errors import LikewiseError, UsageError, suggest
from common.results.comparison import ArmLine, Arms, metrics_to_show, side_by_side
from common.results.pages.document import Block, Heading, Paragraph, Table
from common.results.pages.formatting import (
    decimals_of,
    difference_text,
    number,
    sample_text,
    seeds_text,
    short_metric,
    status_text,
)
from common.results.record import Record
from common.results.statistics import TRIAL_CONFIDENCE, Sample, half_width
from common.results.verdicts import judge_claim
from common.runs.campaign_file import Campaign, deadline_of
from common.runs.jobs import COMMAND

if TYPE_CHECKING:
    from common.runs.own_loss import OwnLoss

RESERVED = (
    "backbone",
    "width",
    "initial_weights",
    "stem",
    "sync_batch_norm",
    "hidden_dim",
    "output_dim",
)
BENCHES = ("images", "sentences")
WORDS = {"holds": "better", "opposite": "worse", "not run": "no seed in common"}


def try_loss(
    word: str,
    settings: Sequence[str],
    bench: str,
    only_checks: bool,
    seeds: int,
    budget: str | None,
    runs: Path,
    results: Path | None,
    save: str | None,
    jobs: int,
    console: Console,
) -> None:
    """Checks a loss, trains it and shows it beside the rivals of a bench.

    Args:
        word: ``file.py:loss``.
        settings: ``key=value`` of the loss.
        bench: One of `BENCHES`.
        only_checks: Whether nothing is trained.
        seeds: How many of the pool's seeds it is trained with.
        budget: A time such as 10m, after which it stops cleanly.
        runs: Where run folders are made, and found again.
        results: Where the pool's records are; None: the checkout's own.
        save: The name of a paper that is written with the loss in place.
        jobs: How many processes train; 0: this one silently helps another of the same command.
        console: Where to tell.

    Raises:
        UsageError: A loss or bench that cannot be used, or a pool that is not trained.
        LikewiseError: Every run failed.
    """
    _check_bench(bench)
    deadline = deadline_of(budget)
    from common.runs.own_loss import read_own_loss
    from common.runs.trial import best_rate, read_bench

    own, found = read_own_loss(word, parse_overrides(list(settings))), read_bench(bench)
    if save is not None:
        _check_save(own, save, bench)
    pilots = found.own_pilots(own)
    if jobs:
        _show_checks(replace(own, has_labels=bench == "images"), pilots, console)
    if only_checks:
        middle = pilots.recipes[len(pilots.recipes) // 2]
        return _save(own, word, middle.optimizer.lr, save, console)
    file = _from_here(found.file)
    pool = _pool(file, runs, results or (SOURCE_ROOT / "results" if is_checkout() else None))
    if (tried := _run(pilots, runs, deadline, jobs, console)) is None:
        return
    lr, told = best_rate(tried, found.rate)
    console.print(f"{own.name}: rate {lr:g}, {told}", soft_wrap=True)
    records = _run(found.own_seeds(own, lr, seeds), runs, deadline, jobs, console)
    if records is None or not jobs:  # a helper answers nothing
        return
    _show_beside(own, records, pool, console)
    _show_cost(found.step_times(own, lr, records[0].batches), console)
    for text in cautions(records[0], pool, found.pool, file):
        console.print(text, style="yellow", soft_wrap=True)
    _save(own, word, lr, save, console)


def _from_here(path: Path) -> Path:
    """Returns ``path`` as it is shortest to type."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _check_bench(bench: str) -> None:
    """Raises `UsageError` where there is no such bench."""
    if bench not in BENCHES:
        raise UsageError(f"--bench {bench}: no such bench{suggest(bench, [*BENCHES])}")


def _show_cost(took: dict[str, float], console: Console) -> None:
    each = ", ".join(f"{name} {ms:.0f}" for name, ms in took.items())
    console.print(f"A step takes, in ms of CPU here: {each}.", soft_wrap=True)


def _show_beside(
    own: "OwnLoss", records: list[Record], pool: list[Record], console: Console
) -> None:
    """Prints the loss beside its rivals on the seeds that it has."""
    seeds = {record.seed for record in records}
    theirs = [record for record in pool if record.seed in seeds]
    for arms in side_by_side([*records, *theirs])[:1]:
        for block in trial_blocks(arms, own.name):
            print_block(block, console)


def _save(own: "OwnLoss", word: str, lr: float, name: str | None, console: Console) -> None:
    """Writes the loss as paper ``name``, if one is asked for."""
    if name is None:
        return
    from common.runs.trial import case_of_loss

    file, _, function = word.rpartition(":")
    settings = own.all_settings
    source = Path(file).expanduser().read_text(encoding="utf-8")
    tried = TriedLoss(source, function, settings, own.takes_labels, lr, case_of_loss(own))
    scaffold(name, console, tried=tried)


def _check_save(own: "OwnLoss", name: str, bench: str) -> None:
    """Raises `UsageError` where a loss, its settings or ``name`` cannot become a paper's."""
    if own.is_module or bench != "images":
        raise UsageError(f"--save {name}: makes a paper of a function, on images, alone")
    check_name(name)
    for key, value in own.all_settings.items():
        if not isinstance(value, bool | int | float | str) or key in RESERVED:
            raise UsageError(
                f"{own.name}: {key}={value!r}: no recipe takes it; rename the argument"
            )


def _show_checks(own: "OwnLoss", pilots: Campaign, console: Console) -> None:
    from common.runs.loss_checks import check_loss, check_module

    found = check_module(own, pilots.recipes[0]) if own.is_module else check_loss(own)
    table = plain_table("", own.name, "")
    try:
        for check in found:
            table.add_row(check.state, check.name, check.text)
    finally:  # what has been seen is shown though the loss cannot be trained
        if table.rows:
            print_table(table, console)


def _pool(file: Path, runs: Path, results: Path | None) -> list[Record]:
    try:
        return records_of(str(file), runs, results, whole=True)
    except UsageError:
        raise UsageError(
            f"{file.stem}: its pool of rivals is not trained; do so once with: papers campaign "
            f"{file}; or add --only-checks"
        ) from None


def _run(
    campaign: Campaign, runs: Path, deadline: float | None, jobs: int, console: Console
) -> list[Record] | None:
    """Returns the records of the runs that do not fail; None where the budget does not suffice.

    Helpers take the runs that no other process is at, and this one those that they leave.
    """
    words = [*COMMAND, *sys.argv[1:], "--helps"]
    helpers = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(jobs - 1)]
    try:
        records, failed = _pass(campaign, runs, deadline, console)
    except BaseException:  # a signal to this process alone, too
        for helper in helpers:
            helper.terminate()
        raise
    finally:
        for helper in helpers:
            helper.wait()
    if helpers and len(records) < len(campaign.recipes):
        records, failed = _pass(campaign, runs, deadline, console)
    if len(records) == len(campaign.recipes) or (failed and jobs):
        return records
    said = f"{len(records)} of {len(campaign.recipes)} {campaign.name} are complete"
    console.print(f"{said}; the same command goes on")
    return None


def _pass(
    campaign: Campaign, runs: Path, deadline: float | None, console: Console
) -> tuple[list[Record], bool]:
    """Returns the records of the complete runs, and whether some failed, which is only said."""
    from common.runs.campaign import run_campaign
    from common.runs.interruption import RunStopped

    records: list[Record] = []
    failed = False
    try:
        run_campaign(campaign, runs, None, deadline, console, records.extend)
    except RunStopped:
        raise
    except LikewiseError as error:
        if not records:
            raise
        console.print(str(error), style="red", soft_wrap=True)
        failed = True
    return records, failed


def trial_blocks(arms: Arms, name: str) -> Iterator[Block]:
    """Yields a table for each metric that tells most: rivals, and how the loss differs from them.

    Args:
        arms: The user's loss, which the others are compared with, and its rivals.
        name: Of the loss.
    """
    seeds = seeds_text(len(arms.to.records))
    yield Heading(3, f"{name} on {arms.to.latest.data}, {seeds}")
    for metric in metrics_to_show(arms):
        lines = [(line, _ours_less_theirs(line.differences)) for line in arms.lines(metric)]
        less = ", less is better" if arms.lower[metric] else ""
        header = (f"{short_metric(metric)}{less}", "mean", "difference", name)
        yield Table(header, _rows(lines, name, -1 if arms.lower[metric] else 1))
        pairs = [pair for _, pair in lines if pair]
        found = [half_width(pair, None, None, TRIAL_CONFIDENCE) for pair in pairs]
        widths = [width for width in found if width is not None]
        if widths:
            ends = " to ".join(number(one, _places(lines)) for one in (min(widths), max(widths)))
            yield Paragraph(f"With {seeds} a difference is seen from {ends} on.")
    yield Paragraph(
        f"Mean ± standard deviation over seeds. Differences are {name} less the rival, paired by "
        f"seed, with the half-width of their {100 * TRIAL_CONFIDENCE:.0f} % interval. It does not "
        "hold what the choice of the rate adds: rates that the pilots hardly tell apart may differ "
        "more."
    )


def _ours_less_theirs(pairs: Sample | None) -> Sample | None:
    return pairs and replace(pairs, mean=-pairs.mean)


def _places(lines: Sequence[tuple[ArmLine, Sample | None]]) -> int:
    return decimals_of(next(line.sample.mean for line, _ in lines if line.sample))


def _rows(
    lines: Sequence[tuple[ArmLine, Sample | None]], name: str, sign: int
) -> list[tuple[str, ...]]:
    """Returns a row for each line; ``sign`` is -1 where less is better."""
    rows: list[tuple[str, ...]] = []
    for line, pairs in lines:
        if line.verdict is None:
            rows.append((name, sample_text(line.sample), "-", "-"))
            continue
        better = pairs and replace(pairs, mean=sign * pairs.mean)
        found = judge_claim(better, matters=0.0, confidence=TRIAL_CONFIDENCE)
        said = status_text(replace(found, status=WORDS.get(found.status, found.status)), line.stale)
        difference = difference_text(pairs, _places(lines), TRIAL_CONFIDENCE)
        rows.append((line.name, sample_text(line.sample), difference, said))
    return rows


def cautions(record: Record, pool: Sequence[Record], asked: Campaign, file: Path) -> Iterator[str]:
    """Yields what keeps a run of the loss and those of its rivals from being compared.

    Args:
        record: Of the loss.
        pool: Of the rivals.
        asked: The campaign that trains the pool.
        file: Its file.
    """
    names = dict.fromkeys(recipe.name for recipe in asked.recipes)
    if lacking := [name for name in names if name not in {one.reference for one in pool}]:
        yield f"not trained yet: {', '.join(lacking)}; papers campaign {file} does so"
    again = f"papers campaign {file} trains it again here"
    theirs = {
        f"{library} {version}"
        for one in pool
        for library, version in one.versions.items()
        if version != record.versions.get(library)
    }
    if theirs:
        here = ", ".join(sorted({f"{k} {v}" for k, v in record.versions.items()}))
        yield f"the pool was trained with {', '.join(sorted(theirs))}, here is {here}; {again}"
    if any(one.data_hash != record.data_hash for one in pool):
        yield f"part of the pool was trained on other data, and is left out; {again}"
