"""A user's own action sequences, to be embedded by a finished run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.sequences.read import read_actions
from common.data.sequences.store import Instances
from common.errors import DataError


def read_own(path: Path, num_items: int) -> tuple[NDArray[np.str_], Instances]:
    """Reads the users of a file; each is encoded from all actions, one being enough.

    Args:
        path: ``.txt`` or ``.inter``, plain or gzipped.
        num_items: Real items of the run's table.

    Returns:
        User ids (users,), and the whole sequences; their targets are meaningless.

    Raises:
        DataError: A broken file, a user without actions, ids outside the table; names the line.
    """
    path = path.expanduser()
    users, items, places = read_actions(path, num_items)
    if not users:
        raise DataError(f"{path}: holds no sequence")
    for own, place in zip(items, places, strict=True):
        if not own:
            raise DataError(f"{place}: a user without items; leave the line out")
        if min(own) < 1:
            raise DataError(f"{place}: item {min(own)}; ids start at 1, 0 is the padding item")
    lengths = np.array([len(own) for own in items], dtype=np.int64)
    # One item beyond the end: what follows the last sequence is looked up as its target.
    flat = np.array([*(item for own in items for item in own), 0], dtype=np.int64)
    return np.array(users, dtype=np.str_), Instances(flat, np.cumsum(lengths), lengths)
