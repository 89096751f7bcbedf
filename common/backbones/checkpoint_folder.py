"""Checkpoints of language models as Hugging Face keeps them: a folder, or a name to fetch."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from common.errors import DataError, MissingLibrary

WEIGHTS = "model.safetensors"
# All that is ever read of a checkpoint: no code, no pickles.
FILES = ["*.json", "vocab.txt", WEIGHTS]


@contextmanager
def needs_text_extra(where: str) -> Iterator[None]:
    """Says how to get a library of the extra ``text`` that is not installed.

    Raises:
        MissingLibrary: In place of an `ImportError`; names ``where`` it was asked for.
    """
    try:
        yield
    except ImportError as error:
        raise MissingLibrary(where, "text", str(error.name)) from None


def find_folder(name: str, where: str) -> Path:
    """Returns the folder ``name``, or that of the checkpoint of this name on Hugging Face.

    Args:
        name: A folder, or ``owner/name``, which is fetched where it was not before.
        where: The key that names it.

    Raises:
        DataError: No such folder, and nothing to fetch.
        MissingLibrary: Without the library huggingface_hub.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        raise DataError(f"{where}={name}: no such folder, and no owner/name on Hugging Face")
    with needs_text_extra(where):
        from huggingface_hub import snapshot_download
    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # of many types: no network, no such name, no right to it
        said = str(error).splitlines()[0]
        raise DataError(f"{where}={name}: not to be had from Hugging Face: {said}") from None


def read_config(folder: Path) -> dict[str, Any]:
    """Reads ``config.json``; raises `DataError` where it is missing or broken."""
    path = folder / "config.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as a checkpoint's sizes: {error}") from None
    return content


def read_weights(path: Path) -> dict[str, Tensor]:
    """Reads a ``.safetensors`` file, arrays by name, on the CPU.

    Raises:
        DataError: The file is missing or broken.
        MissingLibrary: Without the library safetensors.
    """
    if not path.is_file():
        raise DataError(f"{path}: missing; weights are read in this form alone")
    with needs_text_extra(str(path)):
        from safetensors.torch import load_file
    try:
        return dict(load_file(path))
    except Exception as error:  # the library has errors of its own
        raise DataError(f"{path}: not readable as safetensors: {error}") from None
