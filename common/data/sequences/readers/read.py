"""Readers of actions: one sequence a line, RecBole's ``.inter``, or a table of clicks."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.data.sequences.readers.clicks import BY_NAME, Columns, place_in, read_clicks
from common.data.sequences.store import FEWEST_ACTIONS, Sequences, pack
from common.errors import DataError, shown
from common.own_data.csv_lines import text_lines

FORMS = (
    "a .csv or .tsv with columns of users and items, a .txt (user, then items, a line each) or a "
    "RecBole .inter, plain or .gz, or a .parquet"
)
TABLES = ("csv", "tsv", "parquet")
MOST_DIGITS = 19
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


class Row(NamedTuple):
    """An action, and where it stands; ids are text, and the time is in any unit."""

    where: str
    user: str
    item: str
    time: float


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
    kind, readers = kind_of(path), {"txt": _read_lines, "inter": _read_inter}
    if not path.exists():
        raise DataError(f"{path} does not exist; a file is needed, {FORMS}")
    if kind not in (*readers, *TABLES) or not path.is_file():
        raise DataError(f"{path}: a file is needed, {FORMS}")
    if kind in TABLES:
        actions = _read_table(path, num_items, tokens, columns)
    elif any(columns):
        raise DataError(f"{path}: data.user, data.item and data.time name columns of a .csv alone")
    else:
        actions = readers[kind](path, num_items, tokens)
    if not actions.users:
        raise DataError(f"{path} holds no sequence")
    return actions


def kind_of(path: Path) -> str:
    """Returns the ending of a file's name, without that of a compressed one."""
    return path.name.lower().removesuffix(".gz").rpartition(".")[2]


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


def _read_inter(path: Path, num_items: int | None, tokens: bool) -> Actions:
    """Reads a tab-separated table with a header of ``name:type`` columns.

    Without a column ``timestamp`` the order of lines is the order of time. With one a user's
    actions are sorted by it in float64, those of one time in the order of lines. RecBole keeps
    times in float32, where seconds since 1970 that are up to two minutes apart can be equal.
    """
    lines = enumerate(text_lines(path), start=1)
    user_at, item_at, time_at = _columns(path, next(lines, (1, ""))[1])
    rows = _inter_rows(path, lines, user_at, item_at, time_at)
    return _in_order(rows, num_items, tokens, None if time_at is None else "timestamp", "timestamp")


def _inter_rows(
    path: Path, lines: Iterator[tuple[int, str]], user_at: int, item_at: int, time_at: int | None
) -> Iterator[Row]:
    for number, line in lines:
        if not line.strip():
            continue
        cells = line.split("\t")
        where = f"{path}:{number}"
        if len(cells) <= max(user_at, item_at, time_at or 0):
            raise DataError(f"{where} has {len(cells)} cells, fewer than the header")
        if not cells[user_at].strip():
            raise DataError(f"{where} has no user_id")
        time = 0.0 if time_at is None else number_in(cells[time_at], where, "timestamp")
        yield Row(where, cells[user_at], cells[item_at], time)


def _read_table(path: Path, num_items: int | None, tokens: bool, columns: Columns) -> Actions:
    """Reads a CSV or Parquet; times order as those of `_read_inter`."""
    clicks, seconds, names = read_clicks(path, columns)
    rows = (
        Row(place_in(path, click.number), click.user, click.item, time)
        for click, time in zip(clicks, seconds, strict=True)
    )
    return _in_order(rows, num_items, tokens, names.time, "of times (data.time=NAME)")


def _in_order(
    rows: Iterable[Row], num_items: int | None, tokens: bool, column: str | None, missing: str
) -> Actions:
    """Returns the actions of rows by user.

    Args:
        rows: In the order of the file.
        num_items: Greatest id.
        tokens: Ids are any text instead of whole numbers.
        column: What the times are called; None: there are none.
        missing: What there is no column of then, in words.
    """
    actions: dict[str, list[tuple[float, Any]]] = {}
    places: dict[str, str] = {}
    for where, user, token, time in rows:
        item = _item(token, where, num_items, tokens)
        actions.setdefault(user, []).append((time, item))
        places.setdefault(user, f"{where} (user {user})")
    items = [in_order_of_time(own) for own in actions.values()]
    given = ([item for _, item in own] for own in actions.values())
    moved = sum(one != other for one, other in zip(items, given, strict=True))
    note = f"users whose actions were sorted by {column}: {moved:,}" if moved else ""
    if column is None:
        note = f"no column {missing}: the order of lines is taken as the order of time"
    return Actions(list(actions), items, list(places.values()), note)


def in_order_of_time(rows: list[tuple[float, Any]]) -> list[Any]:
    """Returns the items of (time, item) rows; those of one time stay in the order of rows."""
    return [item for _, item in sorted(rows, key=lambda row: row[0])]


def _columns(path: Path, header: str) -> tuple[int, int, int | None]:
    names = [cell.partition(":")[0] for cell in header.split("\t")]
    if ":" not in header or not {"user_id", "item_id"} <= set(names):
        raise DataError(
            f"{path}:1: the header is {shown(header)}; it must name user_id:token and item_id:token"
            ", with tabs between columns"
        )
    for name in ("user_id", "item_id", "timestamp"):
        if names.count(name) > 1:
            raise DataError(f"{path}:1: the header names column {name} twice")
    time_at = names.index("timestamp") if "timestamp" in names else None
    return names.index("user_id"), names.index("item_id"), time_at


def _item(token: str, where: str, num_items: int | None, tokens: bool) -> int | str:
    if not token.strip():
        raise DataError(f"{where} has no item_id")
    if tokens:
        return token
    if not _is_number(token):
        raise DataError(f"{where}: item {shown(token)} is not a whole number")
    if num_items is not None and int(token) > num_items:
        raise DataError(f"{where}: item {token} is beyond the table of {num_items} items")
    return int(token)


def _is_number(token: str) -> bool:
    """Tells whether ``token`` is one of int64; `int` would also take "1_0" and "+3"."""
    return token.isascii() and token.removeprefix("-").isdigit() and len(token) < MOST_DIGITS


def number_in(token: str, place: str, column: str) -> float:
    """Returns ``token`` as a number.

    Raises:
        DataError: It is none, or not finite (nothing can be sorted by NaN); names the place.
    """
    try:
        value = float(token)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{place}: {column} {token!r} is not a number")
    return value
