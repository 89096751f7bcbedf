"""Files of published weights, in the forms in which they are passed on."""

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.backbones.formats import COUNTERS
from common.errors import DataError


def read_state_dict(path: Path | str) -> dict[str, Tensor]:
    """Reads named arrays from an ``.npz`` or from what `torch.save` wrote, on the CPU.

    A dictionary under ``state_dict`` or ``model`` is what is read; settings may lie beside it.
    Nothing in the file is executed.

    Raises:
        DataError: No such file, unreadable, or anything but plain tensors by name, finite but for
            attention masks.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    arrays = _read(path)
    for name, array in arrays.items():
        # A network of them answers all the same, and NaN wins comparisons.
        if not bool(torch.isfinite(array).all()) and not _is_mask(array):
            raise DataError(f"{path}: {name} holds NaN or infinity; fetch or save the file anew")
    return arrays


def check_fit(
    path: Path | str,
    arrays: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    settings: str,
    mend: Callable[[str, Tensor], str],
) -> None:
    """Raises `DataError` unless a file's ``arrays`` are those ``wanted``, each of its shape.

    Args:
        path: The file, to be named.
        arrays: By the module's names.
        wanted: Of the module; counters may be missing in the file.
        settings: Which choose the architecture.
        mend: Returns the setting that would make the module's array as large as the file's.
    """
    foreign = sorted(arrays.keys() - wanted)
    missing = sorted(n for n in wanted.keys() - arrays if not n.endswith(COUNTERS))
    for names, what in ((missing, "lacks"), (foreign, "holds beyond this recipe's module")):
        if names:
            raise DataError(
                f"{path}: {what} {', '.join(names[:3])} ({len(names)} arrays in all); another "
                f"architecture? See {settings}"
            )
    for name, array in arrays.items():
        if array.shape != wanted[name].shape:
            shapes = f"{tuple(array.shape)} in the file and {tuple(wanted[name].shape)} here"
            raise DataError(f"{path}: {name} is {shapes}; {mend(name, array)}")


def _is_mask(array: Tensor) -> bool:
    """Tells whether ``array`` is what is added to attention: zeros, and -inf where none may go.

    A file does not say which arrays are learned, and names differ; what diverged holds more. Each
    place attends to one of as many places: a head that begins at zero and lost a row does not.
    """
    if array.dim() < 2 or array.shape[-1] != array.shape[-2]:
        return False
    barred = array == -torch.inf
    return bool((barred | (array == 0)).all()) and not bool(barred.all(dim=-1).any())


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: torch.from_numpy(file[name]) for name in file.files}
        # Settings as argparse keeps them: a class without code of its own.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for what is broken or no weights
        raise DataError(f"{path}: {_reason(path, error)}") from None
    if isinstance(content, dict):
        content = next((content[key] for key in ("state_dict", "model") if key in content), content)
    if not isinstance(content, dict) or not content or not _all_tensors(content):
        raise DataError(f"{path}: holds no state_dict of tensors")
    return content


def _reason(path: Path, error: Exception) -> str:
    """Returns what is wrong in our words: torch's advice would be to run the file's code."""
    with path.open("rb") as file:
        start = file.read(2)
    code = refused_code(error)
    if code is not None:
        return (
            f"holds an object ({code}) and not only tensors, and reading it would run its "
            "code; save model.state_dict() and give that file"
        )
    if start not in (b"PK", b"\x80\x02"):  # a zip archive, or torch's older form, a pickle
        return "neither an .npz nor a file that torch.save wrote"
    return f"truncated or not a file of plain weights ({str(error).partition(chr(10))[0]})"


def _all_tensors(content: dict[str, Any]) -> bool:
    return all(isinstance(value, Tensor) for value in content.values())


def refused_code(error: Exception) -> str | None:
    """Returns the code that reading a file would have run, if that is why torch refused it."""
    refused = re.search(r"nsupported (?:global: )?GLOBAL (\S+)", str(error))
    return refused and refused[1]
