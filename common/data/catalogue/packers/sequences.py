"""Action sequences, and the weights published with them."""

from pathlib import Path

from common.data.catalogue.packers.arrays import find, gzip_bytes, npz_bytes, read_content
from common.errors import DataError


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
