"""Files of published weights, in the forms in which they are passed on, and Detectron2's names."""

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.errors import DataError, UsageError

COUNTERS = ".num_batches_tracked"
DETECTRON2 = re.compile(r"(stem|res[2-5]\.\d+)\.")


def read_state_dict(path: Path | str) -> dict[str, Tensor]:
    """Reads named arrays from .npz, .safetensors or what `torch.save` wrote, on the CPU.

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
        wanted: The module's state; counters may be missing in the file.
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
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        # Settings as argparse keeps them: a class without code of its own.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        said = "needs Likewise's extra [safetensors]: pip install safetensors"
        raise DataError(f"{path}: {said}") from None
    except Exception:  # of many types; torch's advice would run what the file holds
        raise DataError(f"{path}: not readable as an .npz or a saved state_dict") from None
    if isinstance(content, dict):
        content = next((content[key] for key in ("state_dict", "model") if key in content), content)
    arrays = content.values() if isinstance(content, dict) else ()
    if not arrays or not all(isinstance(array, Tensor) for array in arrays):
        raise DataError(f"{path}: holds no state_dict of tensors")
    return content


def to_detectron2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns a ResNet's arrays under Detectron2's names; counters and ``fc`` are left out.

    Detectron2 calls the stem ``stem``, stages ``res2`` to ``res5``, the projection ``shortcut``,
    and puts each batch norm below the convolution before it. Its ResNets of torchvision's kind have
    the stride in the 3x3 convolution and RGB input (``STRIDE_IN_1X1: False``, ``INPUT.FORMAT:
    RGB``).

    Raises:
        UsageError: Arrays that are no ResNet's.
    """
    kept = {n: a for n, a in state.items() if not n.endswith(COUNTERS) and not n.startswith("fc.")}
    foreign = [name for name in kept if not re.match(r"(conv1|bn1|layer[1-4]\.\d+)\.", name)]
    if foreign or not kept:
        raise UsageError(
            f"--to detectron2: its names are those of ResNets, and {foreign[:1]} is none; use "
            "--to state-dict"
        )
    return {_theirs(name): array for name, array in kept.items()}


def _theirs(name: str) -> str:
    stage = re.match(r"layer(\d)\.(\d+)\.(.*)", name)
    prefix, rest = (f"res{int(stage[1]) + 1}.{stage[2]}", stage[3]) if stage else ("stem", name)
    rest = rest.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")
    return f"{prefix}." + re.sub(r"^bn(\d)", r"conv\1.norm", rest)


def is_detectron2(state: dict[str, Tensor]) -> bool:
    """Tells whether ``state`` has Detectron2's names, whatever stands before them."""
    return any(DETECTRON2.search(name) for name in state)


def from_detectron2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns torchvision's names of Detectron2's arrays; what precedes them is dropped."""
    return {_ours(name): array for name, array in state.items() if DETECTRON2.search(name)}


def _ours(name: str) -> str:
    found = DETECTRON2.search(name)
    assert found is not None  # the caller chose
    place, rest = found[1], name[found.end() :]
    rest = rest.replace("shortcut.norm", "downsample.1").replace("shortcut", "downsample.0")
    rest = re.sub(r"^conv(\d)\.norm", r"bn\1", rest)
    if place == "stem":
        return rest
    stage, block = place.removeprefix("res").split(".")
    return f"layer{int(stage) - 1}.{block}.{rest}"
