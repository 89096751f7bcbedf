"""Sequences end to end, and what is cut out of them: training prefixes and held-out items."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from common.errors import DataError

# One to learn from, one for validation, one for the test.
FEWEST_ACTIONS = 3


@dataclass(frozen=True)
class Sequences:
    """User u's items, oldest first, are ``items[offsets[u] : offsets[u + 1]]``.

    ``items (actions,)`` and ``offsets (users + 1,)`` are int64; ids run from 1 to ``num_items``.
    Where they were numbered anew, item i is ``item_ids[i - 1]`` of the source, a number or text.
    """

    name: str
    items: np.ndarray
    offsets: np.ndarray
    num_items: int
    item_ids: np.ndarray | None = None
    # What was changed in reading, for people.
    note: str = ""

    @property
    def lengths(self) -> np.ndarray:
        """Actions of each user, ``(users,)``."""
        return np.diff(self.offsets)

    def known_items(self) -> np.ndarray:
        """Returns the source's id of each item from 1 on, ``(num_items,)``."""
        return np.arange(1, self.num_items + 1) if self.item_ids is None else self.item_ids

    def fingerprint(self) -> str:
        """Returns 16 hex digits over the arrays."""
        digest = hashlib.sha256(f"{self.num_items} {len(self.offsets)}".encode())
        for array in (self.items, self.offsets):
            digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Instances:
    """Sequences to encode and the item that follows each, as places in the flat array.

    The input of instance i is ``items[end - length : end]``, its target ``items[end]``.
    """

    items: np.ndarray
    ends: np.ndarray
    input_lengths: np.ndarray

    def __len__(self) -> int:
        """Returns the number of instances."""
        return len(self.ends)

    def gather(
        self, rows: np.ndarray, max_length: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns inputs ``(rows, max_length)``, lengths ``(rows,)`` and targets ``(rows,)``.

        The latest ``max_length`` items are kept, right-padded with 0.
        """
        ends = self.ends[rows]
        lengths = np.minimum(self.input_lengths[rows], max_length)
        position = np.arange(max_length)
        source = (ends - lengths)[:, None] + position
        inside = position < lengths[:, None]
        inputs = np.where(inside, self.items[np.where(inside, source, 0)], 0)
        return inputs, lengths, self.items[ends]


def prefix_instances(sequences: Sequences) -> Instances:
    """Returns all prefixes of the training part: ([s1], s2) to ([s1 .. s_{T-3}], s_{T-2}).

    The last two items of each user are held out. MCLRec's figures depend on this form; one
    sequence a user with a target at each position is another recipe.
    """
    counts = np.maximum(sequences.lengths - 3, 0)
    user = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    length = np.arange(counts.sum()) - first + 1
    return Instances(sequences.items, sequences.offsets[user] + length, length)


def held_out_instances(sequences: Sequences, split: str) -> Instances:
    """Returns one instance a user, predicted from all that came before.

    ``test`` predicts the last item, ``val`` the second last; the input of ``test`` holds the
    item that ``val`` predicts.
    """
    back = {"test": 1, "val": 2}[split]
    return Instances(sequences.items, sequences.offsets[1:] - back, sequences.lengths - back)


def popularity(sequences: Sequences) -> np.ndarray:
    """Returns how often each item occurs in the training part, ``(num_items + 1,)``."""
    place = np.arange(len(sequences.items))
    is_training = place < np.repeat(sequences.offsets[1:] - 2, sequences.lengths)
    return np.bincount(sequences.items[is_training], minlength=sequences.num_items + 1)


def pack(
    name: str,
    users: list[list[int]],
    places: list[str],
    num_items: int | None = None,
    fewest: int = FEWEST_ACTIONS,
) -> Sequences:
    """Checks sequences and stores them end to end.

    Args:
        name: Name of the set.
        users: Each user's items.
        places: Where each user stands, such as ``file:line``, for error messages.
        num_items: The table's real items; null: the greatest id.
        fewest: Actions that each user must have.

    Raises:
        DataError: No user, one with fewer actions, ids below 1 or beyond the table.
    """
    if not users:
        raise DataError(f"{name}: holds no sequence")
    for items, place in zip(users, places, strict=True):
        if len(items) < fewest:
            raise DataError(f"{place}: {len(items)} actions; each user needs at least {fewest}")
        if min(items) < 1:
            raise DataError(f"{place}: item {min(items)}; ids start at 1, 0 is the padding item")
        if num_items is not None and max(items) > num_items:
            raise DataError(f"{place}: item {max(items)} is beyond the table of {num_items} items")
    lengths = np.array([len(items) for items in users], dtype=np.int64)
    flat = np.fromiter((item for items in users for item in items), np.int64, lengths.sum())
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return Sequences(name, flat, offsets, int(num_items or flat.max()))


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
