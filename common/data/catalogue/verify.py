"""Checks that the files of the data root are what the catalogue says."""

import hashlib
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from common.config.files import file_digest
from common.data.catalogue.packers.arrays import read_arrays, read_content
from common.data.catalogue.root import data_root
from common.data.catalogue.sources import PackedFile, Source, get_source, load_sources
from common.data.modality import find_set
from common.errors import DataError
from common.registry import load

# Parts of a sparse matrix whose lengths follow from the rest.
UNCOUNTED = ("_shape", "_indptr", "_indices", "class_names")


def verify(name: str | None, root: str | None, console: Console) -> None:
    """Checks the set ``name``, or every set that is there, and prints a line each.

    Raises:
        DataError: If a file is missing (of a named set), broken or not what it should be.
    """
    folder = data_root(root)
    if name and (known := find_set(name)) and known.verify:
        load(known.verify)(folder, console)
        return
    sources = [get_source(name)] if name else _present(folder)
    if not sources:
        console.print(f"no set of the catalogue is in {folder}")
    problems = []
    for source in track(sources, "verifying", console=console, transient=True):
        found = verify_source(source, folder)
        problems += found
        console.print(f"{source.name}: {'; '.join(found) or 'as published'}")
    if problems:
        raise DataError("; ".join(problems))


def _present(root: Path) -> list[Source]:
    """Returns the sets of which ``root`` holds at least one file."""
    return [s for s in load_sources().values() if len(s.missing(root)) < len(s.files)]


def verify_source(source: Source, root: Path) -> list[str]:
    """Returns what is wrong with the set's files in ``root``, a sentence each; [] if nothing."""
    return [problem for item in source.files for problem in _problems(root / item.path, item)]


def _problems(path: Path, expected: PackedFile) -> list[str]:
    if not path.exists():
        return [f"{path}: missing"]
    for kind in ("sha256", "md5"):
        wanted = getattr(expected, kind)
        if wanted and file_digest(path, kind) == wanted:
            return []
    try:
        counts = count(path)
        digest = content_digest(path) if expected.content else None
    except DataError as error:
        return [str(error)]
    wrong = [
        f"{path}: {key}: {counts.get(key, 'none')} instead of {value}"
        for key, value in expected.counts.items()
        if counts.get(key) != value
    ]
    if not wrong and (expected.md5 or digest != expected.content):
        return [f"{path}: contents differ from the published set"]
    return wrong


def count(path: Path) -> dict[str, int]:
    """Returns the rows of each array of an npz, the bytes of a .bin, lines and words of a text.

    Raises:
        DataError: If the file is broken.
    """
    if path.suffix == ".npz":
        arrays = read_arrays(path)
        return {key: len(value) for key, value in arrays.items() if not key.endswith(UNCOUNTED)}
    if path.suffix == ".bin":
        return {"bytes": path.stat().st_size}
    text = read_content(path)
    counts = {"lines": len(text.splitlines())}
    return counts if ".csv" in path.name else counts | {"words": len(text.split())}


def content_digest(path: Path) -> str:
    """Returns the sha256 of what a file holds, whatever compressed it.

    For an npz these are name, type, shape and bytes of each array, by name. For any other file
    they are its bytes.

    Raises:
        DataError: If the file is broken.
    """
    if path.suffix == ".bin":
        return file_digest(path)
    if path.suffix != ".npz":
        return hashlib.sha256(read_content(path)).hexdigest()
    digest = hashlib.sha256()
    for name, array in sorted(read_arrays(path).items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
