"""A user's own action sequences, to be embedded by a finished run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.sequences.config import SequenceConfig
from common.data.sequences.readers.clicks import BY_NAME, Columns
from common.data.sequences.readers.read import TABLES, read_actions
from common.data.sequences.store import Instances, Sequences
from common.errors import DataError
from common.own_data.csv_lines import kind_of


def read_own(
    path: Path, run: Sequences, config: SequenceConfig
) -> tuple[NDArray[np.str_], Instances]:
    """Reads the users of a file; each is encoded from all actions, one being enough.

    Args:
        path: In any form that a run is trained on.
        run: What the run learnt from; the file's ids are those of its source.
        config: The run's ``data:``, which may name a table's columns.

    Returns:
        User ids (users,), and the whole sequences; their targets are meaningless.

    Raises:
        DataError: A broken file, a user without actions, ids outside the table; names the line.
    """
    path = path.expanduser()
    known = run.known_items().tolist()
    has_text = isinstance(known[0], str)
    columns = Columns(config.user, config.item, config.time)
    columns = columns if kind_of(path) in TABLES else BY_NAME
    greatest = None if has_text else max(known)
    users, items, places, _ = read_actions(path, greatest, has_text, columns)
    number = {item: place for place, item in enumerate(known, start=1)}
    for own, place in zip(items, places, strict=True):
        if not own:
            raise DataError(f"{place}: a user without items; leave the line out")
        if not has_text and min(own) < 1:
            raise DataError(f"{place}: item {min(own)}; ids start at 1, 0 is the padding item")
        if foreign := set(own) - number.keys():
            raise DataError(f"{place}: item {min(foreign)} is not in {run.name}; leave it out")
    lengths = np.array([len(own) for own in items], dtype=np.int64)
    # One item beyond the end: what follows the last sequence is looked up as its target.
    flat = np.array([*(number[item] for own in items for item in own), 0], dtype=np.int64)
    return np.array(users, dtype=np.str_), Instances(flat, np.cumsum(lengths), lengths)
