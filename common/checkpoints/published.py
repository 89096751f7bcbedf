"""Files of published weights, in the forms in which they are passed on."""

import argparse
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.errors import DataError


def read_state_dict(path: Path | str) -> dict[str, Tensor]:
    """Reads named arrays from an ``.npz`` or from what `torch.save` wrote, on the CPU.

    A dictionary under ``state_dict`` or ``model`` is what is read; settings may lie beside it.
    Nothing in the file is executed.

    Raises:
        DataError: No such file, unreadable, or anything but plain tensors by name.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: torch.from_numpy(file[name]) for name in file.files}
        # Settings as argparse keeps them: a class without code of its own.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: not readable: {error}") from None
    except Exception as error:  # the unpickler's own exceptions for what it refuses
        raise DataError(f"{path}: not a file of plain weights: {error}") from None
    if isinstance(content, dict):
        content = next((content[key] for key in ("state_dict", "model") if key in content), content)
    if not isinstance(content, dict) or not content or not _all_tensors(content):
        raise DataError(f"{path}: holds no state_dict of tensors")
    return content


def _all_tensors(content: dict[str, Any]) -> bool:
    return all(isinstance(value, Tensor) for value in content.values())
