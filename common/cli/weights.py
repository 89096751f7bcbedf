"""The command `papers weights`. `list` and `get` import neither torch nor lightning."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from common.config.checkout import require_checkout
from common.config.recipe import load_recipe
from common.console import plain_table, print_table
from common.runs.folder import is_run
from common.weights.release import NOT_PUBLISHED, fetch, place_of, read_release
from common.weights.use import use_lines

console = Console(emoji=False)
weights_app = typer.Typer(
    help="Lists and fetches the weights that this project trained; makes them from runs.",
    no_args_is_help=True,
)
FolderOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files are.")]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="URL|DIR",
        help="Where the release is: an https address or a folder. Default: LIKEWISE_WEIGHTS_URL.",
    ),
]


@weights_app.command("list")
def weights_list(out: FolderOption = Path("weights")) -> None:
    """Lists the released weights: size, whether they are here, data and their licence."""
    release = read_release()
    table = plain_table("weights", "kB", "here")
    table.add_column("trained on", overflow="fold", ratio=1)
    for name, each in release.files.items():
        here = "yes" if each.is_in(out) else "no"
        terms = Text(f"{each.data}: {each.licence}")
        table.add_row(name, f"{each.bytes / 1000:,.0f}", here, terms)
    print_table(table, console)
    get = "get one with: papers weights get PAPER/RECIPE"
    console.print(NOT_PUBLISHED if release.url is None else get, highlight=False, soft_wrap=True)


@weights_app.command("get")
def weights_get(
    name: Annotated[str, typer.Argument(metavar="PAPER[/RECIPE[:VARIANT]]")],
    out: FolderOption = Path("weights"),
    place: FromOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that differs.")] = False,
) -> None:
    """Fetches weights and their model card, checks them, and says how they are used."""
    release = read_release()
    reference, released = release.find(name)
    for path in fetch(released, place_of(release, place), out, force, console):
        console.print(f"{path}: whole", highlight=False, soft_wrap=True)
    for line in use_lines(load_recipe(reference), str(out / released.file)):
        console.print(f"  {line}" if line else "in Python:", markup=False, soft_wrap=True)


@weights_app.command("build")
def weights_build(
    sources: Annotated[list[str], typer.Argument(metavar="RUN_DIR|PAPER/RECIPE...")],
    out: FolderOption = Path("weights"),
    runs: Annotated[Path, typer.Option("--runs", help="The folder for run folders.")] = Path(
        "runs"
    ),
    keep: Annotated[
        bool, typer.Option("--store", help="Write the manifest of this checkout, too.")
    ] = False,
) -> None:
    """In a checkout, makes files of a release: of finished runs, or by repeating a record."""
    require_checkout("papers weights build")
    for source in sources:
        if not is_run(source):
            load_recipe(source)
    from common.weights.build import build, store

    for source in sources:
        built = build(source, out, runs, console)
        size = f"{built.released.bytes / 1000:,.0f} kB"
        said = f"wrote {out / built.released.file}, {size}: {built.compared}"
        console.print(said, highlight=False, soft_wrap=True)
        if keep:
            store(built)
