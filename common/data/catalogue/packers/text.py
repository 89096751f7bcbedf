"""Texts, taken out of the packages that pass them on."""

import io
import tarfile
from pathlib import Path

from common.data.catalogue.packers.arrays import find, gzip_bytes
from common.errors import DataError

# An ar archive: a first line, then 60 letters before each member, whose length they tell.
OPENING, HEADER = b"!<arch>\n", 60
WORDNET = "usr/share/wordnet"


def pack_wordnet(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Takes WordNet's database out of Debian's package; each file opens with the licence.

    Raises:
        DataError: A package that is broken, or lacks a file.
    """
    path = find(originals, "*.deb")
    try:
        content = next(data for name, data in members(path.read_bytes()) if name[:8] == "data.tar")
        with tarfile.open(fileobj=io.BytesIO(content)) as files:
            return {target: gzip_bytes(_member(files, target)) for target in targets}
    except (OSError, StopIteration, ValueError, KeyError, EOFError, tarfile.TarError) as error:
        raise DataError(f"{path}: no package with WordNet's files: {error}") from None


def members(archive: bytes) -> list[tuple[str, bytes]]:
    """Returns the members of an ar archive; raises `ValueError` where it is none."""
    if not archive.startswith(OPENING):
        raise ValueError("not an ar archive")
    found, place = [], len(OPENING)
    while place < len(archive):
        header = archive[place : place + HEADER]
        size, start = int(header[48:58]), place + HEADER
        found.append((header[:16].decode().rstrip(" /"), archive[start : start + size]))
        place = start + size + size % 2
    return found


def _member(files: tarfile.TarFile, target: str) -> bytes:
    name = Path(target).name.removesuffix(".gz")
    file = files.extractfile(f"./{WORDNET}/{name}")
    if file is None:
        raise ValueError(f"{name} is no file")
    return file.read()
