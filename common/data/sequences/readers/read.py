"""Readers of actions: one sequence a line, RecBole's ``.inter``, or a table of clicks."""

from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.data.sequences.readers.clicks import (
    BY_NAME,
    Columns,
    place_in,
    read_clicks,
    read_header,
)
from common.data.sequences.store import FEWEST_ACTIONS, Sequences, pack
from common.errors import DataError, shown
from common.own_data.csv_lines import kind_of, table_rows, text_lines

FORMS = (
    "a .csv or .tsv with columns of users and items, a .txt (user, then items, a line each) or a "
    "RecBole .inter, plain or .gz, or a .parquet"
)
TABLES = ("csv", "tsv", "parquet")
MOST_DIGITS = 19
BY_LINES = "the order of lines is taken as the order of time"
RENUMBERED = "items numbered anew, by first appearance"


class Actions(NamedTuple):
    """Each user's id, items in order of time, and where it stands, such as ``file:line``.

    Items are whole numbers, or text where any may be. ``note`` says what the reader changed, for
    the line that describes the set.
    """

    users: list[str]
    items: list[list[Any]]
    places: list[str]
    note: str = ""


def read_sequences(
    path: Path,
    name: str,
    num_items: int | None = None,
    fewest: int = FEWEST_ACTIONS,
    columns: Columns = BY_NAME,
) -> Sequences:
    """Reads a file of a form of `FORMS`; arguments as those of `pack` and `read_actions`.

    Without ``num_items`` a table may have any text as item ids. Text, and numbers that are
    not 1 to N, are numbered anew in the order of users, then of time; ``item_ids`` keeps them.

    Raises:
        DataError: Missing, unreadable or broken; names the file and the line.
    """
    # A table of a stated size has whole numbers; a .txt has no header to be mistaken for a row.
    tokens = num_items is None and kind_of(path) != "txt"
    _, items, places, note = read_actions(path, num_items, tokens, columns)
    items = _as_numbers(items) if tokens else items
    known = None if num_items is not None else _to_number_anew(items)
    if known is None:
        return replace(pack(name, items, places, num_items, fewest), note=note)
    number = {item: place for place, item in enumerate(known, start=1)}
    packed = pack(name, [[number[item] for item in own] for own in items], places, None, fewest)
    note = f"{note}; {RENUMBERED}" if note else RENUMBERED
    return replace(packed, item_ids=np.array(known), note=note)


def _as_numbers(items: list[list[str]]) -> list[list[Any]]:
    """Returns tokens as numbers where all are whole numbers from 1, in their plain form."""
    tokens = {token for own in items for token in own}
    if any(not _is_number(token) or token[0] in "-0" for token in tokens):
        return items
    return [[int(token) for token in own] for own in items]


def _to_number_anew(items: list[list[Any]]) -> list[Any] | None:
    """Returns the ids in the order of users, then of time, or null where they are 1 to N.

    Every number up to the greatest has a row in the table and is ranked, so that ids with gaps
    would rank items that never occur.
    """
    known = list(dict.fromkeys(item for own in items for item in own))
    if not known or (isinstance(known[0], int) and (min(known) < 1 or max(known) == len(known))):
        return None
    return known


def read_actions(
    path: Path,
    num_items: int | None = None,
    tokens: bool = False,
    columns: Columns = BY_NAME,
) -> Actions:
    """Reads a file of any form; ids above ``num_items`` are refused where they stand.

    Args:
        path: The file.
        num_items: Greatest id.
        tokens: Ids are any text instead of whole numbers.
        columns: Names of a table's columns; other forms name their own.

    Raises:
        DataError: Missing, unreadable or broken; names the file and the line.
    """
    kind = kind_of(path)
    if not path.exists():
        raise DataError(f"{path} does not exist; a file is needed, {FORMS}")
    if kind not in ("txt", "inter", *TABLES) or not path.is_file():
        raise DataError(f"{path}: a file is needed, {FORMS}")
    if kind not in TABLES and any(columns):
        raise DataError(f"{path}: data.user, data.item and data.time name columns of a .csv alone")
    if kind == "txt":
        actions = _read_lines(path, num_items, tokens)
    else:
        columns = _inter_columns(path) if kind == "inter" else columns
        actions = _read_table(path, num_items, tokens, columns)
    if not actions.users:
        raise DataError(f"{path} holds no sequence")
    return actions


def _read_lines(path: Path, num_items: int | None, tokens: bool) -> Actions:
    """Reads lines of a user id and its items in order of time, separated by blanks."""
    found = Actions([], [], [])
    seen: dict[str, int] = {}
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        user, *items = line.split()
        if user in seen:
            raise DataError(f"{path}:{number}: user {user} has line {seen[user]} already")
        seen[user] = number
        found.users.append(user)
        where = f"{path}:{number}"
        found.items.append([_item(token, where, num_items, tokens) for token in items])
        found.places.append(where)
    return found


def _read_table(path: Path, num_items: int | None, tokens: bool, columns: Columns) -> Actions:
    """Reads a CSV, Parquet or ``.inter``; without times the order of lines is taken for theirs.

    A user's actions are sorted by time in float64, those of one time in the order of lines. RecBole
    keeps times in float32, where seconds since 1970 that are up to two minutes apart can be equal.
    """
    clicks, seconds, names = read_clicks(path, columns)
    actions: dict[str, list[tuple[float, Any]]] = {}
    places: dict[str, str] = {}
    for click, time in zip(clicks, seconds, strict=True):
        where = place_in(path, click.number)
        item = _item(click.item, where, num_items, tokens)
        actions.setdefault(click.user, []).append((time, item))
        places.setdefault(click.user, f"{where}, where user {click.user} begins")
    ordered = [sorted(own, key=itemgetter(0)) for own in actions.values()]
    moved = sum(one != other for one, other in zip(ordered, actions.values(), strict=True))
    notes = [f"users whose actions were sorted by {names.time}: {moved:,}"] if moved else []
    repeated = sum(len(own) - len(set(own)) for own in ordered)
    if repeated:
        notes.append(f"{repeated:,} lines repeat user, item and {names.time} of another")
    note = "; ".join(notes)
    if names.time is None:
        sought = "timestamp" if kind_of(path) == "inter" else "of times (data.time=NAME)"
        note = f"no column {sought}: {BY_LINES}"
    items = [[item for _, item in own] for own in ordered]
    return Actions(list(actions), items, list(places.values()), note)


def _inter_columns(path: Path) -> Columns:
    """Returns the columns of RecBole's ``.inter``, which have names of their own."""
    header = read_header(path)
    if not {"user_id", "item_id"} <= set(header):
        line = "\t".join(next(table_rows(path), (1, [""]))[1])
        raise DataError(
            f"{path}, line 1: the header is {shown(line)}; it must name user_id:token and "
            "item_id:token, with tabs between columns"
        )
    return Columns("user_id", "item_id", "timestamp" if "timestamp" in header else None)


def as_number(token: str) -> int | str:
    """Returns a whole number where ``token`` is one."""
    return int(token) if _is_number(token) else token


def _item(token: str, where: str, num_items: int | None, tokens: bool) -> int | str:
    if tokens:
        return token
    if not _is_number(token):
        raise DataError(f"{where}: item {shown(token)} is not a whole number")
    if int(token) < 1:
        raise DataError(f"{where}: item {token}; ids start at 1, 0 is the padding item")
    if num_items is not None and int(token) > num_items:
        raise DataError(f"{where}: item {token} is beyond the table of {num_items} items")
    return int(token)


def _is_number(token: str) -> bool:
    """Tells whether ``token`` is one of int64; `int` would also take "1_0" and "+3"."""
    return token.isascii() and token.removeprefix("-").isdigit() and len(token) < MOST_DIGITS
