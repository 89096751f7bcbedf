"""Files of vectors, or of samples that an encoder makes vectors of, as protocols take them."""

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.data.catalogue.packers.arrays import BROKEN, why_broken
from common.errors import DataError, shown
from common.evaluation.vectors import Part, Partners, ScoredPairs, Vectors, validated
from common.own_data.csv_lines import (
    COMMAS,
    SPLIT_WORDS,
    is_comma_number,
    read_lines,
    table_rows,
    to_number,
)

Arrays = dict[str, NDArray[Any]]
Encode = Callable[[NDArray[Any]], Tensor]

ENDINGS = (".npz", ".npy", ".parquet", ".csv", ".csv.gz", ".tsv")
# What arrays and columns may be called, each once.
VECTORS = ("embeddings", "vectors", "features", "x")
TEXTS = ("text", "sentence")
CLASSES = ("labels", "label", "classes", "class", "y")
NUMBERS = ("numbers", "number", "targets", "target")
SIDES = (("first", "second"), ("sentence1", "sentence2"), ("image", "text"))
SCORES = ("scores", "score")
PARTS = ("split", "splits")
NAMES = ("ids", "id", "")  # pandas writes its index under no name
KNOWN = {*CLASSES, *NUMBERS, *SCORES, *PARTS, *NAMES, *TEXTS, *VECTORS, *sum(SIDES, ())}
# The share of each class that is tested where nothing says which rows are.
TESTED = 0.25
LARGEST = 1e15  # of a value: sums of squares of larger ones are infinite in 32 bits


def is_vectors_file(name: str) -> bool:
    """Tells by its ending whether a file called ``name`` is read here."""
    return name.lower().endswith(ENDINGS)


def read_vectors_file(path: Path) -> Arrays:
    """Returns the arrays of a .npz or .npy, or the columns of a Parquet file or a CSV.

    Numbers of a CSV under no name that means something are one array, ``embeddings``, and columns
    such as ``first_0``, ``first_1`` one that is called ``first``.

    Raises:
        DataError: No such file, a form that is not known, or a file that is broken.
    """
    if not path.is_file() or not is_vectors_file(path.name):
        raise DataError(f"{path}: give a file that exists and ends in {', '.join(ENDINGS)}")
    try:
        if path.suffix.lower() in (".npz", ".npy"):  # each is told by what it holds
            read = np.load(path, allow_pickle=False)
            found: Arrays = {"embeddings": read} if isinstance(read, np.ndarray) else dict(read)
            found = _in_small_letters(found)
        elif path.suffix.lower() == ".parquet":
            found = _parquet(path)
        else:
            found = _csv(path)
    except (*BROKEN, RuntimeError) as error:  # the last of a way to compress that is unknown
        raise DataError(f"{path}: not readable: {why_broken(error)}") from None
    return {name: each for name, each in found.items() if np.ndim(each)}


def _in_small_letters(arrays: Arrays) -> Arrays:
    """Returns the arrays, names that mean something in small letters; X and Y are dimensions."""
    found: Arrays = {}
    for name, each in arrays.items():
        small = name.lower()
        means = len(name) > 1 and small in KNOWN and small not in (*arrays, *found)
        found[small if means else name] = each
    return found


def _parquet(path: Path) -> Arrays:
    from pyarrow import parquet

    table = parquet.read_table(path)
    columns = {name: np.array(table.column(name).to_pylist()) for name in table.column_names}
    for name, values in columns.items():
        if values.dtype.kind == "O":  # text or numbers, some of them missing
            columns[name] = np.array(["" if each is None else str(each) for each in values])
    return _joined(path, columns, "row {}".format)


def _csv(path: Path) -> Arrays:
    header = next(table_rows(path), (1, [""]))[1]
    # A table of pandas without names has 0, 1 and so on.
    if None not in map(to_number, header) and header != [*map(str, range(len(header)))]:
        raise DataError(
            f"{path}, line 1: holds numbers, and no names of columns; put a line of names above "
            "it, such as e0,e1,e2"
        )
    lines = read_lines(path)
    columns = zip(*(cells for _, cells in lines[1:]), strict=True)
    found: Arrays = {}
    for name, cells in zip(lines[0][1], columns, strict=True):
        numbers = [to_number(cell) for cell in cells]
        found[name] = np.array(cells if None in numbers else numbers)
    commas = [n for n, x in found.items() if n not in KNOWN and x.dtype.kind == "U" and _commas(x)]
    if commas and not {*found} & {*VECTORS, *TEXTS, *sum(SIDES, ())}:
        names = ", ".join(commas[:5])
        raise DataError(f"{path}: commas make the numbers of {names} text; {COMMAS}")
    return _joined(path, found, lambda row: f"line {lines[row + 1][0]}")


def _commas(cells: NDArray[Any]) -> bool:
    return all(map(is_comma_number, cells.tolist()))


def _joined(path: Path, columns: Arrays, place: Callable[[int], str]) -> Arrays:
    """Returns the columns, those of numbers that have no meaning by their name as one array.

    Messages name a row by its ``place``.
    """
    columns = _in_small_letters(columns)
    plain = {
        n: x for n, x in columns.items() if n not in KNOWN and x.ndim == 1 and x.dtype.kind in "fiu"
    }
    rest = {name: x for name, x in columns.items() if name not in plain}
    numbered = _numbered(plain)
    unread = [name for name in rest if name not in KNOWN]
    whole = any({*names} <= {*rest} for names in (*zip((*VECTORS, *TEXTS)), *SIDES))
    sides = [side for pair in SIDES if {*pair} <= {*numbered} for side in pair]
    for name in (*CLASSES, *NUMBERS, *sides):
        if name in numbered and name not in rest:
            rest[name] = np.stack([plain.pop(each) for each in numbered[name]], 1)
    if whole:
        return rest
    for name in unread:
        _check_gaps(path, name, rest[name], place)
    if not plain:
        return rest
    order = next((numbered[n] for n in numbered if n in sides or numbered[n][0] in plain), [*plain])
    if other := [name for name in (*plain, *unread) if name not in order]:
        raise DataError(
            f"{path}: no dimensions beside {order[0]} to {order[-1]} are {', '.join(other[:5])}; "
            "call them what they are, such as label, text, targets or id, or leave them out"
        )
    return rest | {"embeddings": np.stack([plain[name] for name in order], 1)}


def _check_gaps(path: Path, name: str, cells: NDArray[Any], place: Callable[[int], str]) -> None:
    """Raises `DataError` where most ``cells`` are numbers, and one is none."""
    one_a_row = cells if cells.ndim == 1 else ()
    gaps = [row for row, cell in enumerate(one_a_row) if to_number(cell) is None]
    if 0 < 2 * len(gaps) < len(cells):
        row, cell = place(gaps[0]), str(cells[gaps[0]])
        what = f"holds {shown(cell)}, which is no number" if cell else "is empty"
        raise DataError(f"{path}, {row}: {name} {what}; fill it in, or leave the row out")


def _numbered(names: Iterable[str]) -> dict[str, list[str]]:
    """Returns those ``names`` that count on, such as x_0 and x_1, in order by what they share."""
    found: dict[str, dict[int, str]] = {}
    for name in names:
        if parts := re.fullmatch(r"(.*?)[-_. ]?([0-9]+)", name):
            found.setdefault(parts[1], {})[int(parts[2])] = name
    return {
        shared: [own[place] for place in sorted(own)]
        for shared, own in found.items()
        if 1 < len(own) == max(own) - min(own) + 1
    }


def one_of(arrays: Mapping[str, Any], names: Iterable[str], path: Path) -> Any:
    """Returns the array that has one of ``names``, or None; raises `DataError` where two have."""
    found = [name for name in names if name in arrays]
    if len(found) > 1:
        raise DataError(f"{path}: {' and '.join(found)} mean the same; leave one out")
    return arrays[found[0]] if found else None


def as_vectors(path: Path, tested: Path | None, encode: Encode | None, seed: int) -> Vectors:
    """Returns what a file holds, or an encoder makes of its texts.

    Args:
        path: The file; with ``tested`` its training rows.
        tested: The file of the rows that are measured; None: those that ``split`` says are "test",
            or else a quarter, drawn by seed.
        encode: Takes samples ``(num,)`` or ``(num, ...)`` and returns vectors; None: they are the
            vectors.
        seed: Seed of the draw.

    Raises:
        DataError: Arrays that say nothing, or too much; names the file.
    """
    arrays = _known_arrays(path)
    if tested is not None:
        both = [_rows(path, arrays, encode), _rows(tested, _known_arrays(tested), encode)]
        _check_columns(path, tested)
        train, test = _numbered_alike(both)
        if train.x.shape[1] != test.x.shape[1]:
            raise DataError(
                f"{tested}: vectors of {test.x.shape[1]} numbers, where {path} has some of "
                f"{train.x.shape[1]}"
            )
        if len(test.known) and not np.isin(test.known, train.known).any():
            warnings.warn(f"{tested}: no label of it is a label of {path}", stacklevel=2)
        return Vectors(test, *validated(train))
    found = from_arrays(path, arrays, encode, seed)
    names = (*TEXTS, *sum(SIDES, ()))
    texts = encode is not None and any(arrays[n].dtype.kind in "US" for n in names if n in arrays)
    return replace(found, sentences=texts)


def _check_columns(path: Path, tested: Path) -> None:
    """Raises `DataError` where two CSV files have other columns of numbers, or another order."""
    if not all(each.suffix.lower() in (".csv", ".tsv") for each in (path, tested)):
        return
    names, others = (
        [name for name in next(table_rows(each))[1] if name.lower() not in KNOWN]
        for each in (path, tested)
    )
    if len(names) != len(others):
        return  # their vectors differ in length, or one has a column that is not read
    for name, other in zip(names, others, strict=True):
        if name != other:
            raise DataError(
                f"{tested}: has {shown(other)} where {path} has {shown(name)}; both need the same "
                "columns in the same order"
            )


def _known_arrays(path: Path) -> Arrays:
    """Returns `read_vectors_file`; where no row has a label, warns of what is not read."""
    arrays = read_vectors_file(path)
    unread = [name for name in arrays if name not in KNOWN]
    labelled = {*CLASSES, *NUMBERS} & arrays.keys() or any({*s} <= {*arrays} for s in SIDES)
    if unread and not labelled:
        warnings.warn(
            f"{path}: not read: {', '.join(unread)}; no row has a label or a number, whose arrays "
            f"are called {', '.join((*CLASSES, *NUMBERS))}",
            stacklevel=3,
        )
    return arrays


def from_arrays(path: Path, arrays: Arrays, encode: Encode | None, seed: int) -> Vectors:
    """Returns the same of ``arrays``; messages name ``path``."""
    if (sides := next((each for each in SIDES if set(each) <= set(arrays)), None)) is not None:
        return _pairs(path, arrays, sides, encode)
    whole = _numbered_alike([_rows(path, arrays, encode)])[0]
    if whole.classes is None and whole.numbers is None:
        return Vectors(whole)
    told = one_of(arrays, PARTS, path)
    groups = np.zeros(len(whole.x)) if whole.classes is None else whole.classes.numpy()
    drawn = draw_split(groups, seed) if told is None else _told(path, told, len(groups))
    _warn_of_classes(path, groups, drawn)
    parts = {name: whole.rows(torch.from_numpy(drawn == name)) for name in ("train", "val", "test")}
    train, val = validated(parts["train"])
    if (drawn == "val").any() and whole.numbers is not None:
        train, val = parts["train"], parts["val"]
    # What reads no label need not be of tested rows alone.
    every = None if told is not None else Part(whole.embed)
    return Vectors(parts["test"], train, val, every)


def _warn_of_classes(path: Path, groups: NDArray[Any], drawn: NDArray[Any]) -> None:
    """Warns of tested rows whose class no training row has: all measures take them for errors."""
    trained = groups[(drawn == "train") & (groups >= 0)]
    foreign = ~np.isin(groups, trained) & (groups >= 0) & (drawn == "test")
    if len(trained) and foreign.any():
        warnings.warn(
            f"{path}: {foreign.sum():,} tested rows are of classes without training rows",
            stacklevel=2,
        )


def _told(path: Path, given: NDArray[Any], rows: int) -> NDArray[Any]:
    """Returns "train", "val" or "test" for each row; raises `DataError` for other words.

    Without "test" the rows of "val" are tested.
    """
    said = _one_a_row(path, "split", given, rows).astype(str)
    found = np.array([SPLIT_WORDS.get(word.lower(), "") for word in said])
    if other := dict.fromkeys(said[found == ""].tolist()):
        raise DataError(
            f"{path}: split says {', '.join(map(shown, [*other][:5]))} in "
            f"{int((found == '').sum()):,} of {rows:,} rows; what is allowed: "
            f"{', '.join(SPLIT_WORDS)}"
        )
    if {*found} == {"train", "val"}:  # as in folders of images
        found[found == "val"] = "test"
        warnings.warn(f"{path}: split says test in no row; rows of val are tested", stacklevel=2)
    if lacking := [name for name in ("train", "test") if name not in found]:
        raise DataError(f"{path}: split says {lacking[0]} in no row; leave it out to draw one")
    return found


def _one_a_row(path: Path, name: str, given: NDArray[Any], rows: int) -> NDArray[Any]:
    if given.ndim != 1:
        raise DataError(
            f"{path}: {name} of shape {given.shape}; one a row is needed, such as the argmax(1) of "
            "one-hot labels"
        )
    if len(given) != rows:
        raise DataError(f"{path}: {rows} rows, but {len(given)} {name}")
    return given


def _floats(path: Path, name: str, given: NDArray[Any], kind: type = np.float64) -> NDArray[Any]:
    """Returns finite numbers of ``kind``; raises `DataError` for anything else."""
    if given.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: {name}: {shown(given.ravel()[:1].tolist())} is no number; in a CSV a "
            f"dimension is a column ({name}_0, {name}_1), and texts need an encoder: hf:FOLDER"
        )
    return _finite(path, name, given.astype(kind))


def _finite(path: Path, name: str, found: NDArray[Any]) -> NDArray[Any]:
    broken = ~np.isfinite(found).all(tuple(range(1, found.ndim)))
    if broken.any():
        raise DataError(
            f"{path}: {name}: {int(broken.sum()):,} of {len(found):,} rows are NaN or infinite, "
            f"the first is row {int(broken.argmax()) + 1}; leave them out"
        )
    return found


Rows = tuple[Part, NDArray[Any] | None]


def _rows(path: Path, arrays: Arrays, encode: Encode | None) -> Rows:
    """Returns samples, and the names of their classes where they have some."""
    given = one_of(arrays, VECTORS if encode is None else (*TEXTS, *VECTORS), path)
    if given is None:
        what = " or ".join(VECTORS if encode is None else TEXTS)
        raise DataError(f"{path}: has {', '.join(arrays) or 'nothing'}, and no {what}")
    x = _embedded(path, "vectors", given, encode)
    labels = one_of(arrays, CLASSES, path)
    numbers = one_of(arrays, NUMBERS, path)
    if labels is not None and labels.dtype.kind == "f" and (labels % 1 != 0).any():
        gaps = int(np.isnan(labels).sum())
        if gaps and not (labels[np.isfinite(labels)] % 1).any():
            raise DataError(
                f"{path}: {gaps:,} of {len(labels):,} labels are NaN; -1 marks an unknown one"
            )
        labels, numbers = None, labels  # fractions are no classes
    if labels is not None:
        _one_a_row(path, "labels", labels, len(x))
    y = None
    if numbers is not None:
        _one_a_row(path, "numbers", numbers, len(x))
        y = torch.from_numpy(_floats(path, "numbers", numbers))
    return Part(lambda: x, numbers=y), labels


def _embedded(path: Path, name: str, given: NDArray[Any], encode: Encode | None) -> Tensor:
    x = (
        torch.from_numpy(_floats(path, name, given, np.float32))
        if encode is None
        else encode(given)
    )
    if x.ndim != 2 or len(x) < 2 or not x.shape[1]:
        raise DataError(
            f"{path}: vectors of shape {tuple(x.shape)}; two rows or more of one length are needed"
        )
    x = x.float() if x.dtype != torch.float64 else x
    most = np.abs(_finite(path, name, x.numpy())).max()
    if x.dtype == torch.float32 and most > LARGEST:
        raise DataError(f"{path}: {name}: has values of {most:.1g}; scale them below {LARGEST:.0g}")
    return x


def _numbered_alike(parts: list[Rows]) -> list[Part]:
    """Returns the parts with numbers for their classes, the same in each; -1 stays unknown.

    Without classes where one part has none, or all rows are unknown.
    """
    labels = [each for _, each in parts if each is not None]
    if len(labels) < len(parts):
        return [part for part, _ in parts]
    if len({each.dtype.kind in "US" for each in labels}) > 1:
        labels = [_as_text(each) for each in labels]
    known = np.unique(np.concatenate(labels))
    names = known[~np.isin(known, ("-1", "") if known.dtype.kind in "US" else (-1,))]
    if not len(names):
        return [part for part, _ in parts]
    found = []
    for (part, _), own in zip(parts, labels, strict=True):
        place = np.searchsorted(names, own).clip(max=max(len(names) - 1, 0))
        number = np.where(names[place] == own, place, -1).astype(np.int64)
        found.append(replace(part, classes=torch.from_numpy(number)))
    return found


def _as_text(labels: NDArray[Any]) -> NDArray[Any]:
    """Returns labels as text, whole numbers in one form: 1, "1.0" and "01" are one class."""
    texts = labels.astype(str).tolist()
    numbers = (re.fullmatch(r"(-?)0*([0-9]+)(\.0*)?", each) for each in texts)
    pairs = zip(texts, numbers, strict=True)
    return np.array([text if whole is None else whole[1] + whole[2] for text, whole in pairs])


def draw_split(groups: NDArray[Any], seed: int) -> NDArray[Any]:
    """Returns "test" for a quarter of each class, drawn by seed, and "train" for the others.

    A class of one row is trained on, as no row would tell of it else; unless all are.
    """
    order = np.random.default_rng(seed).permutation(len(groups))
    found = np.full(len(groups), "train")
    names, counts = np.unique(groups, return_counts=True)
    known = counts[names >= 0]
    alone = int((known == 1).sum())
    if 0 < alone < len(known):
        said = f"{alone} of {len(known)} classes have one row alone, which is not tested"
        warnings.warn(said, stacklevel=2)
    for name, count in zip(names, counts, strict=True):
        if count > 1 or alone == len(known):
            rows = order[groups[order] == name]
            found[rows[: max(round(TESTED * len(rows)), 1)]] = "test"
    return found


def _pairs(path: Path, arrays: Arrays, sides: tuple[str, str], encode: Encode | None) -> Vectors:
    x, y = (_embedded(path, name, arrays[name], encode) for name in sides)
    if len(x) != len(y):
        raise DataError(f"{path}: {len(x)} {sides[0]} and {len(y)} {sides[1]}; pairs need as many")
    if x.shape[1] != y.shape[1]:
        raise DataError(
            f"{path}: {sides[0]} have {x.shape[1]:,} columns and {sides[1]} {y.shape[1]:,}; "
            "a pair is of vectors of one length"
        )
    first, second = Part(lambda: x), Part(lambda: y)
    scores = one_of(arrays, SCORES, path)
    if scores is None:
        return Vectors(first, partners=Partners(second, np.arange(len(x)), sides))
    return Vectors(
        first,
        pairs=ScoredPairs(
            first,
            second,
            _floats(path, "scores", _one_a_row(path, "scores", scores, len(x))),
            np.zeros(len(x), int),
        ),
    )
