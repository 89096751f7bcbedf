"""The command `papers data`. Imports neither torch nor lightning."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console(emoji=False)
data_app = typer.Typer(help="Lists, fetches and checks data sets.", no_args_is_help=True)


@data_app.command("list")
def data_list() -> None:
    """Lists all data sets, whether they are here, and their licences."""
    from common.data.catalogue.listing import print_data_sets

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
