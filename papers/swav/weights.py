"""Published ResNets in our module: the official SwAV and DeepCluster-v2 files, torchvision's, ours.

All hold the backbone under torchvision's names. The official ones put ``module.`` before every
name and have the head (``projection_head``) and the prototypes too.
"""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from common.backbones.published import check_fit, read_state_dict
from common.errors import DataError

HEADS_OF_PROTOTYPES = re.compile(r"prototypes\.prototypes(\d+)\.weight")


def load_weights(module: nn.Module, path: Path | str) -> str | None:
    """Fills ``module``'s backbone, and head and prototypes where the file has them.

    Args:
        module: `SwAV`, `DeepClusterV2` or a baseline, of the file's width.
        path: What `torch.save` wrote, or an ``.npz``.

    Returns:
        What of the file or of the module was left out, to be told, or None.

    Raises:
        DataError: Unreadable, an array missing or too many, or of another shape; with the setting
            that mends it.
    """
    arrays = our_names(read_state_dict(path))
    classifier = sorted(name for name in arrays if name.startswith("backbone.fc."))
    arrays = {name: array for name, array in arrays.items() if name not in classifier}
    parts = ("backbone.", "head.", "prototypes")
    wanted = {n: array for n, array in module.state_dict().items() if n.startswith(parts)}
    absent = [part for part in parts[1:] if not any(name.startswith(part) for name in arrays)]
    wanted = {n: array for n, array in wanted.items() if not n.startswith(tuple(absent))}
    foreign = sorted(name for name in arrays.keys() - wanted if name.startswith("prototypes"))
    if foreign:
        raise DataError(
            f"{path} holds {foreign[-1]}: the variant deepcluster-v2 reads DeepCluster-v2's files, "
            "the others SwAV's"
        )
    settings = "method.backbone, method.hidden_dim and method.head_batch_norm"
    check_fit(path, arrays, wanted, settings, _mend)
    module.load_state_dict(arrays, strict=False)
    left = [f"{', '.join(name.removeprefix('backbone.') for name in classifier)} left out"]
    kept = [f"no {part.rstrip('.')} in the file: as initialised" for part in absent]
    return "; ".join(left * bool(classifier) + kept) or None


def our_names(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the arrays under our module's names.

    The prototypes of DeepCluster-v2's clusterings are put one below the other.
    """
    found: dict[str, Tensor] = {}
    clusterings: dict[int, Tensor] = {}
    for full, array in arrays.items():
        name = full.removeprefix("module.")
        if clustering := HEADS_OF_PROTOTYPES.fullmatch(name):
            clusterings[int(clustering[1])] = array
        elif name.startswith("projection_head."):
            # One linear layer has no number there.
            layer = name.removeprefix("projection_head.")
            found["head." + (layer if layer[0].isdigit() else f"0.{layer}")] = array
        else:
            found[name if name.startswith("prototypes.") else f"backbone.{name}"] = array
    if clusterings:
        found["prototypes"] = torch.cat([clusterings[head] for head in sorted(clusterings)])
    return found


def _mend(name: str, array: Tensor) -> str:
    """Returns the setting that would make the module's array as large as the file's."""
    if name == "backbone.conv1.weight" and array.shape[2] not in (3, 7):
        return "not the stem of a ResNet"
    if name == "backbone.conv1.weight":
        stem = "imagenet" if array.shape[2] == 7 else "cifar"
        return f"set method.width={len(array) // 64} and method.stem={stem}, and colour as there"
    if name.startswith("head.0."):
        return f"set method.hidden_dim={len(array)}"
    if name.startswith("prototypes"):
        return f"set method.num_prototypes (the file: {len(array)} in all)"
    return "set method.output_dim, method.width or method.backbone as the file's"
