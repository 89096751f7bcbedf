"""A log of actions: users, items and lengths; and the plan for recommenders."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from common.data.sequences.readers.read import numbered_lines, read_actions
from common.data.sequences.store import FEWEST_ACTIONS, k_core, pack
from common.errors import DataError
from common.own_data.draft import Draft, check_batch, fit_batch

LOOKED_AT = 50  # lines of a text
UPDATE = 0.1  # seconds, of 128 sequences of 12 items on a core
MANY_ITEMS, WIDE = 5_000, 64
PREFIX = 3  # of a user's actions: the first, which has nothing before it, and the two held out


@dataclass(frozen=True)
class ActionLog:
    """What a log of actions holds: ``lengths`` are each user's actions.

    ``core_lengths`` are those of the users that are left where everybody, and every item, has
    three actions; they are the same where no user has fewer.
    """

    path: Path
    lengths: list[int]
    items: int
    core_lengths: list[int]
    note: str
    forms = ("file",)

    def describe(self) -> str:
        """Returns what was found, in words."""
        users = f"{len(self.lengths):,} users, {self.items:,} items, {sum(self.lengths):,} actions"
        few, many = np.percentile(self.lengths, [10, 90])
        return f"{users}, {few:.0f} to {many:.0f} by most users"


def recognise(path: Path, kind: str) -> ActionLog | None:
    """Returns a log of actions, if it is one: a text has a user and whole numbers on each line."""
    if kind == "txt":
        first = islice(numbered_lines(path), LOOKED_AT)
        lines = [words for _, line in first if (words := line.split())]
        numbers = all(item.isdecimal() for words in lines for item in words[1:])
        return _read(path) if lines and numbers else None
    return _read(path) if kind == "inter" else None


def _read(path: Path) -> ActionLog:
    """Reads a ``.inter`` table, or a file of a user and items a line.

    Raises:
        DataError: Missing or broken; names the file and the line.
    """
    _, own, places, note = read_actions(path, tokens=True)
    known = {item: number for number, item in enumerate(sorted(set().union(*own)), start=1)}
    lengths = [len(items) for items in own]
    left = lengths
    if min(lengths) < FEWEST_ACTIONS:
        numbered = [[known[item] for item in items] for items in own]
        try:
            packed = k_core(pack(str(path), numbered, places, fewest=1), FEWEST_ACTIONS)
            left = packed.lengths.tolist()
        except DataError:
            left = []
    return ActionLog(path, lengths, len(known), left, note)


def plan_actions(found: ActionLog, draft: Draft) -> None:
    """Plans the length of a sequence, the batch, and who is left out."""
    draft.choose("data.name", "file", "a log of actions")
    draft.choose("data.path", str(found.path), "your file")
    if found.note:
        draft.notes.append(f"In {found.path.name}, {found.note}.")
    lengths = found.lengths
    if min(lengths) < FEWEST_ACTIONS:
        few = sum(length < FEWEST_ACTIONS for length in lengths)
        why = f"{few:,} users have fewer than 3 actions, one each to learn, validate and test"
        draft.choose("data.core", FEWEST_ACTIONS, why)
        lengths = found.core_lengths
        if not lengths:
            draft.refuse(f"{found.path}: no users and items with at least 3 actions are left")
            return
    draft.trained = sum(max(length - PREFIX, 0) for length in lengths)
    if draft.trained < 2:
        draft.refuse(f"{found.path}: nothing to train on; some users need 4 actions and more")
        return
    longest = int(np.percentile(lengths, 90)) - PREFIX + 1
    why = f"nine users of ten have at most {longest + PREFIX - 1} actions"
    draft.choose("data.max_length", min(max(longest, 5), 50), why)
    if found.items > MANY_ITEMS and not draft.fixed:
        draft.choose("method.dim", WIDE, f"{found.items:,} items; the paper's width")
    batch = fit_batch(draft.trained, draft.base.data.batch_size)
    draft.choose("data.batch_size", max(batch, 2), f"{draft.trained:,} training sequences")
    check_batch(draft, draft.trained, "training sequences")
    _plan_updates(draft)


def _plan_updates(draft: Draft) -> None:
    batches = -(-draft.trained // draft.get("data.batch_size"))
    updates = draft.get("trainer.batches") or batches * draft.get("trainer.epochs")
    if draft.get("trainer.batches") and "trainer.epochs" not in draft.words:
        epochs = -(-updates // batches)
        draft.choose("trainer.epochs", epochs, f"{updates} updates, in epochs of {batches}")
    cost = draft.get("data.batch_size") * draft.get("data.max_length") / (128 * 12)
    draft.seconds = UPDATE * min(updates, batches * draft.get("trainer.epochs")) * cost
