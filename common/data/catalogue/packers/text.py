"""Texts, taken out of the packages that pass them on."""

import csv
import io
import tarfile
from pathlib import Path

from common.data.catalogue.packers.arrays import find, gzip_bytes, read_content
from common.errors import DataError

# An ar archive: a first line, then 60 letters before each member, whose length they tell.
OPENING, HEADER = b"!<arch>\n", 60
WORDNET = "usr/share/wordnet"
# Parts of STS-B that may be passed on.
OPEN_PARTS = ("headlines", "images", "track5.en-en")
SPLITS = ("train", "dev", "test")


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


def pack_stsb_open(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Joins texts and scores with the part that each pair is of, and keeps the open parts.

    ``stsb-en-<split>.csv`` has texts and scores. ``<split>.tsv`` of GLUE has the part in its third
    column, line for line.

    Raises:
        DataError: Files that are missing, or do not belong together.
    """
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(["split", "genre", "sentence1", "sentence2", "score"])
    for split in SPLITS:
        path = originals / f"stsb-en-{split}.csv"
        pairs = list(csv.reader(io.StringIO(_text(path))))
        parts = [line.split("\t")[2:3] for line in _text(originals / f"{split}.tsv").splitlines()]
        if len(parts) != len(pairs) + 1 or any(len(pair) != 3 for pair in pairs):
            raise DataError(f"{path}: {len(pairs)} pairs, but {len(parts) - 1} in {split}.tsv")
        rows = zip(parts[1:], pairs, strict=True)
        table.writerows([split, *part, *pair] for part, pair in rows if part[0] in OPEN_PARTS)
    return {targets[0]: gzip_bytes(written.getvalue().encode())}


def _text(path: Path) -> str:
    try:
        return read_content(path).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not readable as text: {error}") from None


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
