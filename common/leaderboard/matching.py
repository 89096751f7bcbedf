"""Records of exactly one recipe, seed and state of the code: what need not be run again."""

from collections.abc import Iterable
from pathlib import Path

from common.config import Recipe
from common.leaderboard.digest import code_digest
from common.leaderboard.record import Record, RecordError, read_record


def matching_records(recipe: Recipe, paths: Iterable[Path]) -> list[tuple[Path, Record]]:
    """Returns the files of ``paths`` whose trained record is ``recipe``'s with the present code.

    A record of another version of the schema matches nothing; `papers leaderboard` names it.
    """
    wanted = (recipe.arm, recipe.hash(), recipe.seed, code_digest(recipe.paper), "trained")
    found = []
    for path in paths:
        try:
            record = read_record(path)
        except RecordError:
            continue
        theirs = (record.arm, record.config_hash, record.seed, record.code_digest, record.weights)
        if theirs == wanted:
            found.append((path, record))
    return found
