"""`papers verify`: do the present code and data give the numbers of the records?"""

import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from common.config.checkout import require_checkout
from common.config.recipe import load_recipe
from common.config.schema import Recipe
from common.console import plain_table, print_table
from common.errors import DataError, LikewiseError, UsageError
from common.paper import get_paper
from common.results.ledger import matching_records, setting_of
from common.results.quick_band import (
    Comparison,
    band_seeds,
    require_band,
    store_band,
    verify,
)
from common.results.record import Record, commit_record, default_root, load_records, read_record
from common.results.statistics import MIN_SEEDS
from common.runs.folder import run_path
from common.runs.progress import time_left
from common.runs.start import start
from common.steps.check import check_paper, data_of, settings_of


def verify_paper(paper: str, store: bool, console: Console, root: Path | None = None) -> None:
    """Holds code and data against the stored steps and data hashes of the paper's records.

    Args:
        paper: The folder's name under ``papers/``.
        store: Store steps that are missing, and anew those that moved.
        console: Where to tell.
        root: The folder that holds ``results/``; this checkout by default.

    Raises:
        LikewiseError: If numbers moved, or data are others than a record's.
    """
    get_paper(paper)
    if root is None:
        require_checkout("papers verify")
    root = root or default_root()
    records = load_records(root / "results", paper)
    others = data_differences(settings_of(records).values(), console)
    started = time.perf_counter()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("stored steps", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if not console.is_terminal:  # there the bar is not shown
                left = time_left(time.perf_counter() - started, done, total)
                console.print(f"  stored steps {done}/{total}, {left}", highlight=False)

        def leave_out(record: Record, why: str) -> None:
            said = f"  {record.reference}: no steps are stored for it: {why}"
            console.print(said, highlight=False, soft_wrap=True)

        ledger, check = check_paper(paper, root, store, others, advance, leave_out)
    rows = [record for record in records if setting_of(record) in ledger.settings]
    console.print(
        f"{paper}: {len(ledger.files)} files of steps for {len(ledger.settings)} settings, "
        f"{len(rows)} records: {len(check.agree)} agree, {len(check.differ)} moved, "
        f"{len(ledger.files) - len(check.agree) - len(check.differ)} too sensitive to tell",
        highlight=False,
        soft_wrap=True,
    )
    for id_, differ in check.differ.items():
        name = next((name for name, one in ledger.files.items() if one == id_), id_)
        users = {one.reference for one in rows if name in ledger.settings[setting_of(one)]}
        said = f"  {name} ({', '.join(sorted(users))}): {'; '.join(differ)}"
        console.print(said, highlight=False, soft_wrap=True)
    if check.differ or others:
        raise LikewiseError(
            f"{paper}: {len(check.differ)} files of steps moved, {len(others)} data sets are not "
            f"those of the records; if that is meant: papers verify {paper} --store"
        )
    console.print("next:  papers leaderboard")


def data_differences(records: Iterable[Record], console: Console) -> list[str]:
    """Reads each data set that is at hand; returns the records' hashes that it does not have.

    Readers are outside of the code digest: this is what watches them.
    """
    others = []
    for (name, expected), record in {(one.data, one.data_hash): one for one in records}.items():
        try:
            data = data_of(record)
        except DataError as error:
            console.print(f"  {name}: not read ({error})", highlight=False, soft_wrap=True)
            continue
        if data.fingerprint != expected:
            others.append(expected)
            said = f"  {name}: hash {data.fingerprint}, the records have {expected}"
            console.print(said, style="red", highlight=False)
    return others


def verify_quick(
    paper: str,
    runs: Path,
    store: bool,
    console: Console,
    root: Path | None = None,
    seeds: int | None = None,
) -> None:
    """Trains ``quick`` over the stored seeds and compares with its band, or becomes it.

    It clears no row: a run has no equal on another machine, and ``quick`` is one setting of many.

    Args:
        paper: The folder's name under ``papers/``.
        runs: Where run folders are made; finished ones of the present code are used again.
        store: Store the band and file the runs' records under ``results/``.
        console: Where to tell.
        root: The folder that holds ``results/``; this checkout by default.
        seeds: How many seeds, from 0 on, the band that is stored shall have: the more, the less a
            mean may differ. Those of the band before it, or three, by default.

    Raises:
        LikewiseError: If a number or a curve is outside the band.
        UsageError: If no band is stored, or the recipe or its data are not the stored ones; or
            ``seeds`` without ``store`` or fewer than `MIN_SEEDS`.
    """
    get_paper(paper)
    if store and root is None:
        require_checkout("papers verify --quick --store")
    if seeds is not None and not store:
        raise UsageError(f"--seeds {seeds}: a band is compared over its own seeds; add --store")
    if seeds is not None and seeds < MIN_SEEDS:
        raise UsageError(f"--seeds {seeds}: a band needs at least {MIN_SEEDS}")
    if not store:
        # Minutes of training must not end in "no band is stored".
        require_band(load_recipe(f"{paper}/quick"), root)
    used = list(range(seeds)) if seeds else band_seeds(paper, root)
    folders = [_finished_run(paper, seed, runs, console) for seed in used]
    if store:
        path = store_band(paper, folders, root)
        for folder in folders:
            commit_record(read_record(folder / "result.json"), root and root / "results")
        console.print(f"stored the band of seeds {used}: {path}", soft_wrap=True)
        console.print("next:  papers leaderboard")
        return
    comparisons = verify(paper, folders, root)
    console.print(f"{paper}/quick, mean of seeds", style="bold", highlight=False)
    print_table(_table(comparisons), console)
    outside = [item.name for item in comparisons if not item.inside]
    if outside:
        raise LikewiseError(f"{paper}/quick: outside the stored band: {', '.join(outside)}")
    console.print("all inside")


def _finished_run(paper: str, seed: int, runs: Path, console: Console) -> Path:
    recipe = load_recipe(f"{paper}/quick", [f"seed={seed}", "tracking.mode=disabled"])
    found = find_finished(recipe, runs)
    if found is not None:
        console.print(f"{recipe.reference}, seed {seed}: run already, {found}", soft_wrap=True)
        return found
    record = start(recipe, runs, console)
    if record is None:
        raise LikewiseError("papers verify --quick runs on one process; start it without torchrun")
    return run_path(recipe, runs, record.run_id)


def find_finished(recipe: Recipe, runs: Path) -> Path | None:
    """Returns the newest finished run of ``recipe`` with the present code below ``runs``."""
    paths = sorted((runs / recipe.paper / recipe.folder).glob("*/result.json"))
    found = [path.parent for path, _ in matching_records(recipe, paths)]
    return found[-1] if found else None


def _table(comparisons: list[Comparison]) -> Table:
    columns = ("what", "now", "stored", "may differ by", "")
    table = plain_table(*columns)
    for item in comparisons:
        numbers = (item.ours, item.stored, item.allowed)
        cells = [f"{value:.0%}" if item.is_curve else f"{value:.4f}" for value in numbers]
        table.add_row(item.name, *cells, "inside" if item.inside else "OUTSIDE")
    return table
