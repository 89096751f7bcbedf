"""A log of actions: users, items and lengths; and the plan for recommenders."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from common.data.sequences.readers.clicks import BY_NAME, Columns, find_columns, read_header
from common.data.sequences.readers.read import TABLES, read_actions
from common.data.sequences.store import FEWEST_ACTIONS, k_core, pack
from common.errors import DataError
from common.own_data.csv_files import CsvFile, click_columns
from common.own_data.csv_lines import kind_of, text_lines
from common.own_data.draft import Draft, check_batch, fit_batch, span

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
        return f"{users}, {span(few, many)} by most users"


@dataclass(frozen=True)
class ClickTable:
    """A CSV or Parquet by its header alone: which columns hold what may be the user's to say."""

    path: Path
    header: list[str]
    forms = ("file",)

    def describe(self) -> str:
        """Returns what was found, in words."""
        return f"a table with the columns {', '.join(self.header)}"


def recognise(path: Path, kind: str) -> ActionLog | ClickTable | None:
    """Returns a log of actions, if it is one: a text has a user and whole numbers on each line.

    A table has a column of users or items by its name; a folder of RecBole's holds an ``.inter``.
    """
    if kind in TABLES:
        header = read_header(path)
        named = click_columns(header, "user") or click_columns(header, "item") or kind == "parquet"
        return ClickTable(path, header) if named else None
    if kind == "folder":
        files = [file for file in sorted(path.iterdir()) if kind_of(file) == "inter"]
        if len(files) > 1:
            raise DataError(f"{path}: holds {', '.join(f.name for f in files)}; name one of them")
        return _read(files[0]) if files else None
    if kind == "txt":
        first = islice(text_lines(path), LOOKED_AT)
        lines = [words for line in first if (words := line.split())]
        items = [item for words in lines for item in words[1:]]
        # Texts without blanks have no items, while a user here and there may have none either.
        acted = len(items) >= len(lines) > 0 and all(map(str.isdecimal, items))
        return _read(path) if acted else None
    return _read(path) if kind == "inter" else None


def _read(path: Path, columns: Columns = BY_NAME) -> ActionLog:
    """Reads a file of actions.

    Raises:
        DataError: Missing or broken; names the file and the line.
    """
    tokens = kind_of(path) != "txt"  # as the training reads it
    _, own, places, note = read_actions(path, tokens=tokens, columns=columns)
    known = {item: number for number, item in enumerate(sorted(set().union(*own)), start=1)}
    lengths = [len(items) for items in own]
    left = lengths
    if min(lengths) < FEWEST_ACTIONS:
        numbered = [[known[item] for item in items] for items in own]
        packed = pack(str(path), numbered, places, fewest=1)
        try:
            left = k_core(packed, FEWEST_ACTIONS).lengths.tolist()
        except DataError:
            left = []
    return ActionLog(path, lengths, len(known), left, note)


def _read_clicks(path: Path, dates: str | None, draft: Draft) -> ActionLog:
    """Reads a table, and plans its columns; a column of ``dates`` may have any name."""
    asked = Columns(*(draft.get(f"data.{role}") for role in Columns._fields))
    asked = asked._replace(time=asked.time or dates)
    columns = find_columns(path, read_header(path), asked)
    found = _read(path, columns)
    draft.choose("data.user", columns.user, f"{len(found.lengths):,} users")
    draft.choose("data.item", columns.item, f"{found.items:,} items")
    if columns.time is not None:
        draft.choose("data.time", columns.time, "the order of actions")
    return found


def plan_actions(found: ActionLog | ClickTable | CsvFile, draft: Draft) -> None:
    """Plans the length of a sequence, the batch, and who is left out.

    Args:
        found: An `ActionLog`, or a table, which is read by its columns.
        draft: The plan.
    """
    if not isinstance(found, ActionLog):
        times = found.times if isinstance(found, CsvFile) else None
        found = _read_clicks(found.path, times.name if times else None, draft)
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
    why = f"nine users of ten have at most {longest + PREFIX - 1} actions, two of them held out"
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
