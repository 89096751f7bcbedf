"""A case of reference values, made of a function and input arrays (`papers parity --record`)."""

import inspect
import json
import os
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from common.data.catalogue.packers.arrays import npz_bytes, read_arrays
from common.errors import DataError, UsageError
from common.files import write_atomic
from common.results.parity import Case, Solver

Arrays = dict[str, NDArray[Any]]
# Those of most stored cases; a file may be given others by hand, with the reason.
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}


def find_function(words: str) -> Solver:
    """Imports the function ``MODULE:NAME``, from the current folder too.

    Raises:
        UsageError: There is none, or it has no docstring, which the case tells as its call.
    """
    if os.getcwd() not in sys.path:  # where a console script does not look
        sys.path.append(os.getcwd())
    try:
        found: Callable[..., Any] = pkgutil.resolve_name(words)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"--function {words}: not found as MODULE:NAME: {error}") from None
    if not callable(found) or not inspect.getdoc(found):
        raise UsageError(f"--function {words}: must be a function whose docstring says the call")
    return found


def write_case(target: Path, words: str, inputs: Path, constants: dict[str, Any]) -> None:
    """Writes ``target`` (.json) and the .npz beside it.

    Args:
        target: The case's file, whose stem is its name.
        words: ``MODULE:NAME`` of the function, which takes the case with the inputs alone, in
            float64, and returns the outputs by name.
        inputs: The npz of the arrays it reads.
        constants: What it reads beside them, in plain values.

    Raises:
        UsageError: As `find_function`.
        DataError: Inputs that are not readable, or outputs that are no arrays of float64.
    """
    given, function = read_arrays(inputs), find_function(words)
    call = " ".join((inspect.getdoc(function) or "").split())
    description: dict[str, Any] = {
        "call": f"{words}: {call}",
        "tolerance": TOLERANCE,
        "outputs": [],
        "constants": constants,
    }
    with TemporaryDirectory() as folder:  # a function reads its case as it will be read later
        draft = Path(folder) / target.name
        _write(draft, description, given)
        outputs = _as_arrays(function(Case(draft)), words)
    if both := sorted(outputs.keys() & given.keys()):
        raise DataError(f"{words}: {both[0]}: is an input and an output; give one another name")
    arrays = given | outputs
    described = {
        name: {"shape": [*array.shape], "dtype": str(array.dtype)} for name, array in arrays.items()
    }
    _write(target, description | {"outputs": [*outputs], "arrays": described}, arrays)


def _as_arrays(found: Any, words: str) -> Arrays:
    """Returns a function's outputs as arrays; a float32 would hold its rounding for good."""
    if not isinstance(found, dict) or not found:
        raise DataError(f"{words}: must return its outputs in a dict, by name")
    arrays = {}
    for name, value in found.items():
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind not in "fiub" or (array.dtype.kind == "f" and array.itemsize < 8):
            raise DataError(f"{words}: {name}: is {array.dtype}; must be float64, whole or true")
        arrays[str(name)] = array
    return arrays


def _write(path: Path, description: dict[str, Any], arrays: Arrays) -> None:
    write_atomic(path.with_suffix(".npz"), npz_bytes(arrays))
    write_atomic(path, json.dumps(description, indent=1, ensure_ascii=False) + "\n")
