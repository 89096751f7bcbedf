"""Bytes of the container formats that packers write, the same on every run; and plain files."""

import gzip
import io
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import MAGIC_PREFIX

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

    With ``optional`` it is a user's file: arrays of any other name are warned of.

    Raises:
        DataError: If it is missing or broken, lacks an array, or one holds Python objects.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    found, reading = dict[str, Any](), ""
    try:
        with path.open("rb") as opened:
            if opened.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX:
                raise DataError(f"{path}: is an .npy under another name; save it with numpy.savez")
        with np.load(path, allow_pickle=False) as file:
            for name in names:
                if name not in file.files:
                    held = ", ".join(file.files) or "nothing"
                    raise DataError(f"{path}: no array `{name}`; it holds {held}")
            wanted = [*names, *(name for name in optional if name in file.files)]
            if optional and (unread := [name for name in file.files if name not in wanted]):
                read = f"{', '.join((*names, *optional[:-1]))} and {optional[-1]}"
                said = f"{path}: not read: {', '.join(unread)}; read are {read}"
                warnings.warn(said, stacklevel=3)
            for reading in wanted or file.files:
                found[reading] = file[reading]
    # A header that claims more than any machine has ends in a MemoryError.
    except (*BROKEN, MemoryError) as error:
        said = f"{reading and f'{reading}: '}{why_broken(error)}"
        raise DataError(f"{path}: not a readable .npz of plain arrays: {said}") from None
    return found


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


def pack_files(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Takes each target's file from the originals; gzips those that end in ``.gz``."""
    packed = {}
    for target in targets:
        name = Path(target).name
        content = read_content(find(originals, f"**/{name.removesuffix('.gz')}"))
        packed[target] = gzip_bytes(content) if name.endswith(".gz") else content
    return packed


def pack_gzipped(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Takes the one ``.gz`` as it is; raises `DataError` if it is torn."""
    path = find(originals, "*.gz")
    try:
        content = path.read_bytes()
        gzip.decompress(content)
    except BROKEN as error:
        raise DataError(f"{path}: broken: {error}") from None
    return {targets[0]: content}


def pack_sequences(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Gzips one text of "user item item ..." lines, unchanged.

    Raises:
        DataError: With the line's number, if a line is no row of positive whole numbers.
    """
    path = find(originals, "*.txt")
    content = read_content(path)
    for number, line in enumerate(content.decode().splitlines(), start=1):
        words = line.split()
        if len(words) < 2 or not all(word.isdecimal() and int(word) > 0 for word in words):
            raise DataError(f"{path}, line {number}: not user and items: {line[:40]!r}")
    return {targets[0]: gzip_bytes(content)}


def pack_state_dict(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Turns a torch file that holds ``{"state_dict": ...}`` into an npz of plain arrays.

    Raises:
        DataError: If the file is anything but tensors under one key.
    """
    import torch  # here: listing and verifying sets must not wait for torch

    path = find(originals, "*.pth")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        arrays = {key: value.numpy() for key, value in state.items()}
    except Exception as error:  # torch, pickle and zip all raise their own kinds
        raise DataError(f"{path}: not a state dict of tensors: {error}") from None
    return {targets[0]: npz_bytes(arrays)}
