"""Records of exactly one recipe and seed, of known code: what need not be run again."""

from collections.abc import Collection, Iterable
from pathlib import Path

from common.config import Recipe
from common.leaderboard.digest import code_digest
from common.leaderboard.record import Record, RecordError, read_record


def matching_records(
    recipe: Recipe, paths: Iterable[Path], digests: Collection[str] | None = None
) -> list[tuple[Path, Record]]:
    """Returns the files of ``paths`` that hold ``recipe``'s trained record of one of ``digests``.

    A record of another version of the schema matches nothing; `papers leaderboard` names it.

    Args:
        recipe: With its seed.
        paths: Of records.
        digests: Of code; default: of the present one.
    """
    if digests is None:
        digests = [code_digest(recipe.paper)]
    wanted = (recipe.arm, recipe.hash(), recipe.seed, "trained")
    found = []
    for path in paths:
        try:
            record = read_record(path)
        except RecordError:
            continue
        theirs = (record.arm, record.config_hash, record.seed, record.weights)
        if theirs == wanted and record.code_digest in digests:
            found.append((path, record))
    return found
