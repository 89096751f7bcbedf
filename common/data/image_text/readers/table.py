"""Tables of images and captions: a .csv or .tsv with a header, as open_clip and NegCLIP have it."""

import ast
import json
import os
from pathlib import Path
from typing import Any

from common.data.image_text.config import ImageTextConfig
from common.data.image_text.readers.lines import Line, lines_as_set
from common.data.image_text.sets import CaptionedSet
from common.errors import DataError
from common.own_data.csv_lines import Lines, place_of, read_lines, split_place

FALSE_COLUMN, NEAR_COLUMN, GROUP = "neg_caption", "neg_image", "group"


def caption_table(config: ImageTextConfig) -> CaptionedSet:
    """Reads the table ``data.path``; paths of images are relative to its folder.

    Lines with one path are captions of one image. ``split``, ``neg_caption`` (a list of false
    captions), ``neg_image`` (a list of line numbers, the first line of data being 0) and ``group``
    (a name, such as that of the relation) may be there.

    Raises:
        DataError: Missing columns or images, an empty caption, a list that is none; with the line.
    """
    path = Path(str(config.path)).expanduser()
    lines = table_lines(path, read_lines(path), config.image_column, config.caption_column)
    return lines_as_set(path.parent, lines, config)


def table_lines(path: Path, lines: Lines, image_column: str, caption_column: str) -> list[Line]:
    """Returns the captions that the ``lines`` of a table hold.

    Raises:
        DataError: Missing columns, an empty cell, a list that is none; with the line.
    """
    (_, header), *rows = lines
    image, caption = (place_of(path, header, name) for name in (image_column, caption_column))
    part = split_place(header)
    found = []
    for number, cells in rows:
        where, cell = f"{path}, line {number}", dict(zip(header, cells, strict=True))
        for place, name in ((image, image_column), (caption, caption_column)):
            if not cells[place]:
                raise DataError(f"{where}: column {name!r} is empty; take the line out")
        text = cells[caption]
        # One that is the caption itself, but for blanks and capitals, would be a true caption.
        listed = _list(where, FALSE_COLUMN, cell.get(FALSE_COLUMN, ""), str)
        false = [other for other in listed if _plain(other) != _plain(text)]
        dropped = len(listed) - len(false)
        near = _list(where, NEAR_COLUMN, cell.get(NEAR_COLUMN, ""), int)
        split, group = "" if part is None else cells[part].lower(), cell.get(GROUP, "")
        name = os.path.normpath(cells[image])  # ./a.jpg is a.jpg
        found.append(Line(name, text, where, split, false, near, dropped, group))
    return found


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _list(where: str, name: str, text: str, kind: type) -> list[Any]:
    """Reads a list in JSON or in Python's form; an empty cell is an empty list."""
    if not text:
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found = None
    if not isinstance(found, list) or not all(type(each) is kind for each in found):
        form = '["a red circle on the left"]' if kind is str else "[3, 17]"
        raise DataError(f"{where}: {name}={text[:30]!r}: write a list, such as {form}")
    return found
