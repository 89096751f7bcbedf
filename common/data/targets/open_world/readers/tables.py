"""The real benchmark where the user has it: the official table (CSV) and its images.

Columns used: ``img_path``, ``label``, ``method``, ``image_source``, ``tag`` (0 unused, 1 labelled,
2 unlabelled). Of each source and label 80 % of the rows, labelled or not, are training images.
"""

import hashlib
import math
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from torch import Tensor

from common.data.catalogue.root import data_root
from common.data.catalogue.sources import refuse_given
from common.data.images.readers.folders import walk_images, warn_outside
from common.data.targets.open_world.config import OpenWorldConfig
from common.data.targets.open_world.readers.published import (
    TRAIN_SHARE,
    ClassCounts,
    check_protocol,
    compare,
    first_few,
)
from common.data.targets.open_world.samples import (
    LABELLED,
    UNLABELLED,
    UNUSED,
    Box,
    ImageFiles,
    OpenWorldSet,
    Part,
    Rows,
)
from common.distributed.draws import keyed_generator
from common.errors import DataError
from common.own_data.csv_lines import place_of, read_lines

COLUMNS = ("img_path", "label", "method", "image_source", "tag")
BOX_COLUMNS = ("img_path", "left", "top", "right", "bottom")


class TableRow(NamedTuple):
    """One image of the table."""

    path: str
    label: int
    method: str
    source: str
    tag: int


def ow_dfa(config: OpenWorldConfig) -> OpenWorldSet:
    """Reads the table ``data.path`` and finds its images.

    Raises:
        DataError: Missing columns, broken cells, one label for two methods, absent images
            (listed), or images without a face box.
        ConfigError: A table of the other protocol.
    """
    table = find_table(config)
    rows = [row for row in read_table_rows(table) if row.tag != UNUSED]
    names = class_names(table, rows)
    counts = class_counts(rows, names)
    check_protocol(counts, config.protocol)
    note, warning = compare(counts, config.protocol)
    paths = find_images(table, Path(config.folder).expanduser() if config.folder else None, rows)
    boxes = read_boxes(Path(config.boxes).expanduser(), rows) if config.boxes else None
    files = ImageFiles(paths, config.size, boxes, config.box_margin)
    labels = torch.tensor([row.label for row in rows])
    tags = torch.tensor([row.tag for row in rows])
    train = split_rows(rows, config.data_seed)

    def part(chosen: Tensor) -> Part:
        return Part(Rows(files, chosen), labels[chosen], tags[chosen])

    known = [row.label for row in rows if row.tag == LABELLED]
    digest = hashlib.sha256(table.read_bytes())
    digest.update(f"{config.size} {config.box_margin} {config.data_seed} {boxes}".encode())
    for path in paths:
        digest.update(f"{path.name} {path.stat().st_size}".encode())
    return OpenWorldSet(
        train=part(train.nonzero()[:, 0]),
        test=part((~train).nonzero()[:, 0]),
        class_names=names,
        num_known=max(known, default=-1) + 1,
        fingerprint=digest.hexdigest()[:12],
        size=config.size,
        note=note,
        warning=warning,
    )


def find_table(config: OpenWorldConfig) -> Path:
    """Returns the table's file: ``data.path``, or that path in the data root.

    Raises:
        DataError: No such file.
    """
    path = Path(str(config.path)).expanduser()
    table = path if path.is_file() else data_root(config.root) / path
    if not table.is_file():
        raise DataError(
            f"data.path={path}: there is no such table, nor {table}; papers/owdfa_cpl/README.md "
            "says who gives it"
        )
    return table


def read_table_rows(table: Path) -> list[TableRow]:
    """Reads the table.

    Raises:
        DataError: A missing column, or a label or tag that is none; names file and line.
    """
    lines = read_lines(table)
    places = [place_of(table, lines[0][1], name) for name in COLUMNS]
    rows = []
    for number, cells in lines[1:]:
        path, label, method, source, tag = (cells[place] for place in places)
        if not label.isdecimal() or tag not in ("0", "1", "2"):
            raise DataError(
                f"{table}, line {number}: label {label!r}, tag {tag!r}: a label is a whole number "
                "from 0, a tag 0 (unused), 1 (labelled) or 2 (unlabelled)"
            )
        rows.append(TableRow(path, int(label), method, source, int(tag)))
    return rows


def class_names(table: Path, rows: list[TableRow]) -> tuple[str, ...]:
    """Returns ``method (sources)`` of each label, in order.

    Raises:
        DataError: A label of two methods, a method of one source under two labels, or a gap in the
            labels.
    """
    methods: dict[int, str] = {}
    labels: dict[tuple[str, str], int] = {}
    for row in rows:
        if methods.setdefault(row.label, row.method) != row.method:
            both = f"{methods[row.label]} and {row.method}"
            raise DataError(f"{table}: label {row.label} is both {both}")
        first = labels.setdefault((row.method, row.source), row.label)
        if first != row.label:
            twice = sorted((first, row.label))
            raise DataError(
                f"{table}: {row.method} ({row.source}) has labels {twice[0]} and {twice[1]}; it "
                "needs one"
            )
    gaps = sorted(set(range(max(methods, default=-1) + 1)) - set(methods))
    if gaps:
        raise DataError(f"{table}: no image has label {gaps[0]}; number classes from 0 on")
    sources = [sorted(s for (_, s), n in labels.items() if n == k) for k in sorted(methods)]
    return tuple(f"{methods[n]} ({', '.join(of)})" for n, of in enumerate(sources))


def class_counts(rows: list[TableRow], names: tuple[str, ...]) -> list[ClassCounts]:
    """Returns the counts of each class."""
    counts = Counter((row.label, row.tag) for row in rows)
    return [
        ClassCounts(name, counts[label, LABELLED], counts[label, UNLABELLED])
        for label, name in enumerate(names)
    ]


def find_images(table: Path, folder: Path | None, rows: list[TableRow]) -> list[Path]:
    """Returns the rows' files; raises `DataError` that lists those that are not there."""
    base = folder or table.parent
    paths = [base / row.path for row in rows]
    absent = [row.path for row, path in zip(rows, paths, strict=True) if not os.path.isfile(path)]
    if absent:
        raise DataError(
            f"{table}: {len(absent):,} of {len(rows):,} images are not in {base} (data.folder): "
            f"{first_few(absent)}"
        )
    warn_outside(table, base, [row.path for row in rows])
    return paths


def read_boxes(path: Path, rows: list[TableRow]) -> list[Box]:
    """Reads a CSV of face boxes in pixels, one an image.

    Raises:
        DataError: An image without a box, or a box that is none; names them.
    """
    lines = read_lines(path)
    places = [place_of(path, lines[0][1], name) for name in BOX_COLUMNS]
    found: dict[str, Box] = {}
    for number, cells in lines[1:]:
        name, *sides = (cells[place] for place in places)
        try:
            left, top, right, bottom = map(float, sides)
        except ValueError:
            continue  # the detector found nothing: the image is without a box
        if not all(map(math.isfinite, (left, top, right, bottom))):
            raise DataError(f"{path}, line {number}: the box {', '.join(sides)} is not finite")
        if right <= left or bottom <= top:
            raise DataError(f"{path}, line {number}: the box {', '.join(sides)} is empty")
        found[name] = (left, top, right, bottom)
    lacking = [row.path for row in rows if row.path not in found]
    if lacking:
        counts = f"{len(lacking):,} of {len(rows):,}"
        raise DataError(f"{path}: {counts} images have no box: {first_few(lacking)}")
    return [found[row.path] for row in rows]


def split_rows(rows: list[TableRow], seed: int) -> Tensor:
    """Returns which rows are for training: of each source and label the same share.

    As the code, rows are drawn and not videos: images of one video may be on both sides.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault((row.source, row.label), []).append(number)
    train = torch.zeros(len(rows), dtype=torch.bool)
    for place, key in enumerate(sorted(groups)):
        members = torch.tensor(groups[key])
        order = torch.randperm(len(members), generator=keyed_generator(seed, place))
        train[members[order[: round(TRAIN_SHARE * len(members))]]] = True
    return train


def image_paths(path: Path) -> list[str]:
    """Returns the images of a folder, sorted, or the one file."""
    path = path.expanduser()
    if not path.is_dir():
        return [str(path)] if path.is_file() else []
    return sorted(str(path / name) for name, _ in walk_images(path, ""))


def verify(root: Path, console: Console) -> None:
    """Says of each table of OW-DFA in the data root whether it is the published one.

    Raises:
        DataError: No table, absent images, or other classes or counts.
    """
    paths = {number: root / f"ow-dfa/protocol-{number}.csv" for number in (1, 2)}
    if not any(path.is_file() for path in paths.values()):
        refuse_given("ow-dfa")
    problems = []
    for number, path in paths.items():
        if path.is_file():
            found = ow_dfa(OpenWorldConfig(name="ow-dfa", path=str(path), protocol=number))
            console.print(f"{path}: {found.warning or found.note}")
            problems += [found.warning] if found.warning else []
    if problems:
        raise DataError(f"{len(problems)} wrong: {'; '.join(problems)}")
