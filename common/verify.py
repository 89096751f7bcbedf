"""`papers verify`: trains ``quick`` over the stored seeds and compares with the stored band."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from common.checkout import require_checkout
from common.config import Recipe, load_recipe
from common.errors import LikewiseError, UsageError
from common.execute import start
from common.leaderboard.board import matching_records
from common.leaderboard.record import commit_record, read_record
from common.leaderboard.statistics import MIN_SEEDS
from common.leaderboard.verify import (
    Comparison,
    band_seeds,
    require_band,
    store_band,
    verify,
)
from common.messages import plain_table, print_table
from common.paper import get_paper
from common.runs import run_path


def verify_paper(
    paper: str,
    runs: Path,
    store: bool,
    console: Console,
    root: Path | None = None,
    seeds: int | None = None,
) -> None:
    """Trains what is needed, then compares with the band or, with ``store``, becomes it.

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
        require_checkout("papers verify --store")
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
    console.print("all inside: rows of this code are not stale; next:  papers leaderboard")


def _finished_run(paper: str, seed: int, runs: Path, console: Console) -> Path:
    recipe = load_recipe(f"{paper}/quick", [f"seed={seed}", "tracking.mode=disabled"])
    found = find_finished(recipe, runs)
    if found is not None:
        console.print(f"{recipe.reference}, seed {seed}: run already, {found}", soft_wrap=True)
        return found
    record = start(recipe, runs, console)
    if record is None:
        raise LikewiseError("papers verify runs on one process; start it without torchrun")
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
