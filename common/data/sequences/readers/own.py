"""A user's own action sequences, to be embedded by a finished run."""

import warnings
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.sequences.config import SequenceConfig
from common.data.sequences.readers.clicks import BY_NAME, Columns
from common.data.sequences.readers.read import BY_LINES, TABLES, as_number, read_actions
from common.data.sequences.store import Instances, Sequences
from common.errors import DataError, shown
from common.own_data.csv_lines import kind_of


def read_own(
    path: Path, run: Sequences, config: SequenceConfig
) -> tuple[NDArray[np.str_], Instances]:
    """Reads the users of a file; each is encoded from all actions, one being enough.

    Items that the run does not know are left out with a warning, and users who have no others. A
    warning tells, too, where there are no times.

    Args:
        path: In any form that a run is trained on.
        run: What the run learnt from; the file's ids are those of its source.
        config: The run's ``data:``, which may name a table's columns.

    Returns:
        User ids (users,), and the whole sequences; their targets are meaningless.

    Raises:
        DataError: A broken file, a user without actions, no known item, or a number below 1.
    """
    path = path.expanduser()
    known = run.known_items().tolist()
    has_text = isinstance(known[0], str)
    columns = Columns(config.user, config.item, config.time)
    columns = columns if kind_of(path) in TABLES else BY_NAME
    tokens = has_text or kind_of(path) != "txt"
    users, items, places, note = read_actions(path, None, tokens, columns)
    if tokens and not has_text:
        items = [[as_number(item) for item in own] for own in items]
    number = {item: place for place, item in enumerate(known, start=1)}
    for own, place in zip(items, places, strict=True):
        if not own:
            raise DataError(f"{place}: a user without items; leave the line out")
        if low := [item for item in own if isinstance(item, int) and item < 1]:
            raise DataError(f"{place}: item {low[0]}; ids start at 1, 0 is the padding item")
    users, items = _known_alone(path, users, items, number)
    if note.endswith(BY_LINES):
        warnings.warn(f"{path}: {note}", stacklevel=2)
    lengths = np.array([len(own) for own in items], dtype=np.int64)
    # One item beyond the end: what follows the last sequence is looked up as its target.
    flat = np.array([*(number[item] for own in items for item in own), 0], dtype=np.int64)
    return np.array(users, dtype=np.str_), Instances(flat, np.cumsum(lengths), lengths)


def _known_alone(
    path: Path, users: list[str], items: list[list[Any]], known: Collection[Any]
) -> tuple[list[str], list[list[Any]]]:
    """Returns users and items without the items that are not ``known``, of which it warns."""
    kept = [[item for item in own if item in known] for own in items]
    foreign = dict.fromkeys(item for own in items for item in own if item not in known)
    empty = sum(not own for own in kept)
    if empty == len(users):
        raise DataError(
            f"{path}: the run knows none of its items, such as {shown(next(iter(foreign)))}"
        )
    if foreign:
        some = ", ".join(shown(item) for item in islice(foreign, 3))
        alone = f"; and users who have no others: {empty:,}" if empty else ""
        warnings.warn(
            f"{path}: items that the run does not know are left out: {len(foreign):,}, such as "
            f"{some}{alone}. A run knows the items of its data, without those that data.core left "
            "out",
            stacklevel=2,
        )
    pairs = [(user, own) for user, own in zip(users, kept, strict=True) if own]
    return [user for user, _ in pairs], [own for _, own in pairs]
