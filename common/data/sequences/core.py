"""The k-core of a set of sequences: what is left where everybody acts often enough."""

from dataclasses import replace

import numpy as np

from common.data.sequences.store import Sequences
from common.errors import DataError


def k_core(sequences: Sequences, fewest: int) -> Sequences:
    """Drops users and items with fewer than ``fewest`` actions until none is left to drop.

    The order of what stays is the original's. Items are numbered anew from 1 in the order of
    their numbers, since every id up to ``num_items`` is ranked; ``item_ids`` keeps the old ones.

    Raises:
        DataError: Nothing is left.
    """
    items = sequences.items
    users = np.repeat(np.arange(len(sequences.lengths)), sequences.lengths)
    while len(items):
        often = (np.bincount(items)[items] >= fewest) & (np.bincount(users)[users] >= fewest)
        if often.all():
            break
        items, users = items[often], users[often]
    if not len(items):
        raise DataError(
            f"data.core: of {sequences.name} nothing is left in which each user and each item has "
            f"{fewest} actions; take a smaller number"
        )
    kept, renumbered = np.unique(items, return_inverse=True)
    counts = np.unique(users, return_counts=True)[1]
    return replace(
        sequences,
        name=f"{sequences.name}, {fewest}-core",
        items=renumbered + 1,
        offsets=np.concatenate(([0], np.cumsum(counts))),
        num_items=len(kept),
        item_ids=sequences.known_items()[kept - 1],
    )
