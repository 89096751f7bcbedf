"""Bytes of the container formats that packers write, the same on every run."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.errors import DataError

Array = npt.NDArray[Any]

# What numpy, zipfile and gzip raise on torn or foreign files.
BROKEN = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def why_broken(error: Exception) -> str:
    """Returns what was said of a file, without numpy's advice to run what it holds."""
    said = str(error)
    if isinstance(error, OSError):
        return said
    if "Object arrays" in said:
        return "it holds objects; save text as labels.astype(str), and numbers as x.astype(float)"
    if "pickle" in said:
        return "numpy has not written it; save it with numpy.savez"
    return f"{said}; is it whole? Save it again"


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """Returns a compressed npz of ``arrays``, in their order."""
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()


def gzip_bytes(content: bytes) -> bytes:
    """Returns ``content`` gzipped without name, time stamp or operating system."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def read_array(path: Path) -> Any:
    """Reads an npy file of plain numbers.

    Raises:
        DataError: If it is missing, broken, or holds Python objects.
    """
    try:
        # A map refuses a header that claims more than the file holds before it takes memory.
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except BROKEN as error:
        raise DataError(f"{path}: not a numpy file of plain numbers: {why_broken(error)}") from None


def read_rows(path: Path, name: str) -> tuple[Array, dict[str, Array]]:
    """Returns the array ``name`` of a user's npz, and ``ids`` and ``labels`` where it has them.

    Raises:
        DataError: As `read_arrays`, and for ids or labels that are not one for each row.
    """
    known = read_arrays(path, name, optional=("ids", "labels"))
    rows = known.pop(name)
    for kind, array in known.items():
        if array.shape != rows.shape[:1]:
            raise DataError(f"{path}: {kind} {array.shape} must be one for each row of {name}")
    return rows, known


def read_arrays(path: Path, *names: str, optional: tuple[str, ...] = ()) -> dict[str, Array]:
    """Returns the arrays ``names`` of an npz, and those of ``optional`` it has; without names, all.

    Raises:
        DataError: If it is missing or broken, lacks an array, or one holds Python objects.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in names:
                if name not in file.files:
                    found = ", ".join(file.files) or "nothing"
                    raise DataError(f"{path}: no array `{name}`; it holds {found}")
            wanted = [*names, *(name for name in optional if name in file.files)]
            return {name: file[name] for name in wanted or file.files}
    # A header that claims more than any machine has ends in a MemoryError.
    except (*BROKEN, MemoryError) as error:
        said = why_broken(error)
        raise DataError(f"{path}: not a readable .npz of plain arrays: {said}") from None


def read_content(path: Path) -> bytes:
    """Returns what a file holds, gunzipped where its name ends in ``.gz``.

    Raises:
        DataError: If it is missing or broken.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except BROKEN as error:
        raise DataError(f"{path}: broken: {error}") from None


def find(folder: Path, pattern: str) -> Path:
    """Returns the one file or folder under ``folder`` that matches ``pattern``.

    Raises:
        DataError: If none does, or several do.
    """
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        what = "none" if not found else ", ".join(path.name for path in found)
        raise DataError(f"{folder}: expected one {pattern}, found {what}")
    return found[0]
