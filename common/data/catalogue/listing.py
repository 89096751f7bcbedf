"""Which data sets there are, and whether they are here."""

from rich.console import Console
from rich.text import Text

from common.config.console import plain_table, print_table
from common.data.catalogue.root import data_root
from common.data.catalogue.sources import get_source, load_sources
from common.data.catalogue.user_provided import GIVEN, YOURS
from common.data.modality import find_set

# What is fetched as a data set is and is none.
WEIGHTS = "weights"


def data_state(name: str, root: str | None = None) -> str:
    """Returns whether a set is here: ``yes`` or ``no``, else ``built in`` or ``yours``."""
    if name in GIVEN:
        return "yes" if GIVEN[name].is_in(data_root(root)) else "no"
    if name not in load_sources():
        return "yours" if name in YOURS else "built in"
    return "no" if get_source(name).missing(data_root(root)) else "yes"


def print_data_sets(console: Console) -> None:
    """Prints the catalogue: what each set is, whether it is here, and its licence."""
    rows = [(s.name, s.title, s.licence) for s in load_sources().values()]
    rows += [(name, given.title, "its owner's") for name, given in GIVEN.items()]
    kinds = {name: found.modality if (found := find_set(name)) else WEIGHTS for name, *_ in rows}
    table = plain_table("name", "here")
    table.add_column("what it is, and its licence", overflow="fold", ratio=1)
    for kind in sorted(set(kinds.values())):
        table.add_row(f"[bold]{kind}[/bold]")
        for name, title, licence in (row for row in rows if kinds[row[0]] == kind):
            table.add_row(name, data_state(name), Text(f"{title}. Licence: {licence}"))
    print_table(table, console)
    root = f"data root: {data_root()} (set LIKEWISE_DATA or data.root= to change it)"
    console.print(root, markup=False, soft_wrap=True)
    console.print("get one with: papers data prepare NAME", markup=False)
