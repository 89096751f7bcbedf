"""What a leaderboard is made from, read once from the disk, and what need not be run again."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from common.config.recipe import load_recipe
from common.config.schema import Recipe
from common.config.yaml_io import read_yaml
from common.errors import UsageError
from common.leaderboard.aggregate import (
    Code,
    Group,
    Row,
    group_records,
    make_rows,
    uncompared_groups,
)
from common.leaderboard.digest import code_digest
from common.leaderboard.record import (
    Record,
    RecordError,
    default_results,
    load_records,
    read_record,
)
from common.leaderboard.reported import Entry, load_all_reported
from common.leaderboard.statistics import MIN_SEEDS
from common.paper import get_paper, paper_names
from common.results.ledger import Ledger, read_ledger


@dataclass(frozen=True)
class Board:
    """Reported numbers, groups of runs, and the rows that set one beside the other."""

    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    titles: dict[str, str]

    def papers(self) -> list[str]:
        """Returns the papers with a reported number or a run, in alphabetical order."""
        named = {entry.paper for entry in self.entries}
        return sorted(named | {group.latest.paper for group in self.groups})

    def uncompared(self) -> list[Group]:
        """Returns the groups that no reported number is compared with."""
        return uncompared_groups(list(self.entries), list(self.groups))


def default_root() -> Path:
    """Returns the folder that holds ``results/`` and ``papers/``."""
    return default_results().parent


def make_board(
    entries: Iterable[Entry],
    records: Iterable[Record],
    code: Code,
    titles: dict[str, str] | None = None,
) -> Board:
    """Builds a board from what was read."""
    entries, groups = tuple(entries), tuple(group_records(records, code))
    return Board(entries, groups, tuple(make_rows(entries, list(groups))), titles or {})


def read_board(root: Path | None = None, paper: str = "*") -> Board:
    """Reads the reported numbers and records of one paper, or of all, below ``root``.

    Raises:
        RecordError: A record that is broken.
        ConfigError: A file of reported numbers that is broken.
    """
    root = root or default_root()
    records, entries = load_records(root / "results", paper), load_all_reported(root, paper)
    return make_board(entries, records, present_code(records, root), _titles())


def _titles() -> dict[str, str]:
    papers = (get_paper(name) for name in paper_names())
    return {p.name: f"{p.title} ({p.venue} {p.year})" for p in papers}


def present_code(records: Iterable[Record], root: Path) -> Code:
    """Returns digests, ledgers and configuration hashes as the files stand now."""
    records = list(records)
    papers = sorted({record.paper for record in records})
    return Code(
        digests={paper: code_digest(paper, root) for paper in papers},
        ledgers={paper: read_ledger(paper, root) for paper in papers},
        config_hashes=present_hashes({record.reference for record in records}),
    )


def present_hashes(references: Iterable[str]) -> dict[str, str]:
    """Returns ``{paper/recipe[:variant]: configuration hash}`` of the recipes that load.

    A recipe that is gone or no longer fits the schema is left out: its runs are of another one.
    """
    read = cache(read_yaml)  # a file has many variants, and reading it is half of a recipe's time
    hashes = {}
    for reference in sorted(references):
        try:
            with warnings.catch_warnings():  # for those who run it, not for those who read of it
                warnings.simplefilter("ignore")
                hashes[reference] = load_recipe(reference, read=read).hash()
        except UsageError:
            continue
    return hashes


def band_path(paper: str, root: Path) -> Path:
    """Returns where the stored band of the paper's ``quick`` recipe lies."""
    return root / "results" / paper / "bands" / "quick.json"


def band_mend(paper: str) -> str:
    """Returns what to do about a broken band; how many seeds it had is not known."""
    store = f"papers verify {paper} --quick --store --seeds {MIN_SEEDS}"
    return f"restore the file, or store a new band: {store}"


def matching_records(
    recipe: Recipe, paths: Iterable[Path], root: Path | None = None
) -> list[tuple[Path, Record]]:
    """Returns the files of ``paths`` that hold ``recipe``'s trained record of the present code.

    A record of another version of the schema matches nothing; `papers leaderboard` names it.

    Args:
        recipe: With its seed.
        paths: Of records.
        root: Where ``results/`` tells which code gives the same numbers; None: the present alone.
    """
    now = code_digest(recipe.paper)
    ledger = Ledger(paper=recipe.paper) if root is None else read_ledger(recipe.paper, root)
    wanted = (recipe.arm, recipe.hash(), recipe.seed, "trained")
    found = []
    for path in paths:
        try:
            record = read_record(path)
        except RecordError:
            continue
        theirs = (record.arm, record.config_hash, record.seed, record.weights)
        if theirs == wanted and ledger.standing(record, now) is None:
            found.append((path, record))
    return found
