"""The commands on what runs came to, `papers recommend` and `papers leaderboard`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common.errors import UsageError

console = Console(emoji=False)


def recommend(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run's folder.")],
    data: Annotated[
        Path | None, typer.Option(help="Users' actions; else the file that the run was trained on.")
    ] = None,
    top: Annotated[int, typer.Option(help="How many items each user gets.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=".csv or .parquet; else RUN_DIR/recommendations.csv"),
    ] = None,
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Items that a user has acted on may come again.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.")] = False,
) -> None:
    """Writes the items that each user will most likely act on next: user, rank, item, score."""
    from common.runs.recommend import recommend as write_table

    target = out or run_dir / "recommendations.csv"
    rows = write_table(run_dir, data, top, target, keep_seen, force)
    console.print(f"wrote {target}: {rows:,} rows", soft_wrap=True, highlight=False)


def leaderboard(
    check: Annotated[bool, typer.Option("--check", help="Fail if a page is stale.")] = False,
    wandb: Annotated[
        str | None,
        typer.Option(metavar="ENTITY/PROJECT", help="First store the records of tracked runs."),
    ] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN_DIR", help="First store the record of this run or file."),
    ] = None,
    pilot: Annotated[
        str | None, typer.Option(help="The split that pilots were compared on.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write only DIR: a page with learning curves and images."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The records that --html shows, such as runs."),
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="Where --html finds images and --wandb offline runs.")
    ] = Path("runs"),
) -> None:
    """In a checkout, builds LEADERBOARD.md and each RESULTS.md; with --html a page elsewhere."""
    from common.cli.leaderboard import build_leaderboard, write_html

    if html is None:
        if results is not None:
            raise UsageError("--results says which records --html DIR shows: name DIR")
        build_leaderboard(check, console, wandb=wandb, add=add, pilot=pilot, runs=runs)
    elif check or wandb or add or pilot:
        raise UsageError("--html writes its folder alone; it goes with --results and --runs only")
    else:
        write_html(html, results, runs, console)
