"""Files of any modality that are packed as they are."""

from pathlib import Path

from common.data.packers.arrays import find, gzip_bytes, read_text


def pack_files(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Takes each target's file from the originals; gzips those that end in ``.gz``."""
    packed = {}
    for target in targets:
        name = Path(target).name
        content = read_text(find(originals, f"**/{name.removesuffix('.gz')}"))
        packed[target] = gzip_bytes(content) if name.endswith(".gz") else content
    return packed


def pack_gzipped(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Takes the one ``.gz`` as it is; raises `DataError` if it is torn."""
    path = find(originals, "*.gz")
    read_text(path)
    return {targets[0]: path.read_bytes()}
