"""The command `papers data`. Imports neither torch nor lightning."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from common.config.console import Screen, plain_table, print_table

console = Screen()
# What is fetched as a data set is and is none.
WEIGHTS = "weights"
data_app = typer.Typer(help="Lists, fetches and checks data sets.", no_args_is_help=True)


@data_app.command("list")
def data_list() -> None:
    """Lists all data sets, whether they are here, and their licences."""
    print_data_sets(console)


@data_app.command("prepare")
def data_prepare(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    root: Annotated[str | None, typer.Option(help="The data root. Default: LIKEWISE_DATA.")] = None,
    originals: Annotated[
        Path | None, typer.Option(help="A folder with the original files that you fetched.")
    ] = None,
) -> None:
    """Fetches a set from its real source and packs it into the data root."""
    from common.data.catalogue.prepare import prepare

    prepare(name, root, console, originals)


@data_app.command("verify")
def data_verify(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    root: Annotated[str | None, typer.Option(help="The data root. Default: LIKEWISE_DATA.")] = None,
) -> None:
    """Checks counts and hashes of the sets in the data root."""
    from common.data.catalogue.verify import verify as verify_data

    verify_data(name, root, console)


def print_data_sets(console: Console) -> None:
    """Prints the catalogue: what each set is, whether it is here, and its licence."""
    from common.data.catalogue.root import data_root, data_state
    from common.data.catalogue.sources import GIVEN, load_sources
    from common.data.modality import find_set

    rows = [(s.name, s.title, s.licence) for s in load_sources().values()]
    rows += [(name, given.title, "its owner's") for name, given in GIVEN.items()]
    kinds = {name: found.modality if (found := find_set(name)) else WEIGHTS for name, *_ in rows}
    table = plain_table("name", "here")
    table.add_column("what it is, and its licence", overflow="fold", ratio=1)
    for kind in sorted(set(kinds.values())):
        table.add_row(Text(kind, "bold"))
        for name, title, licence in (row for row in rows if kinds[row[0]] == kind):
            table.add_row(name, data_state(name), Text(f"{title}. Licence: {licence}"))
    print_table(table, console)
    root = f"data root: {data_root()} (set LIKEWISE_DATA or data.root= to change it)"
    console.print(root, soft_wrap=True)
    console.print("get one with: papers data prepare NAME")
