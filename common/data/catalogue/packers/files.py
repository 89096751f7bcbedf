"""Files of any modality that are packed as they are."""

import gzip
from pathlib import Path

from common.data.catalogue.packers.arrays import BROKEN, find, gzip_bytes, read_content
from common.errors import DataError


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
