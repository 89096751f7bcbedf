"""Published ResNets in our module: the official PixPro files, torchvision's, Detectron2's, ours.

The official files hold the whole module under ``model``, with ``module.`` before every name: the
encoder, which has torchvision's names, projectors, predictor and the transform of the propagation,
and their momentum copies (``..._k``). `load_weights` takes what the recipe's module has of these.
"""

from pathlib import Path

from torch import Tensor, nn

from common.backbones.published import check_fit, from_detectron2, is_detectron2, read_state_dict

LAYERS = {"linear1": "0", "bn1": "1", "linear2": "3"}
BACKBONE, MOMENTUM = "backbone.", "momentum_networks."
NETWORKS = {
    "encoder": "backbone",
    "encoder_k": "momentum_networks.backbone",
    "projector": "projector",
    "projector_k": "momentum_networks.projector",
    "projector_instance": "instance_projector",
    "projector_instance_k": "momentum_networks.instance_projector",
    "predictor": "predictor",
    "value_transform": "propagation.transform",
}


def our_name(name: str) -> str:
    """Returns our module's name of an array of the official one; others stay as they are."""
    network, _, rest = name.removeprefix("module.").partition(".")
    ours = NETWORKS.get(network)
    if ours is None:
        return name
    if ours.endswith("backbone"):
        return f"{ours}.{rest}"
    layer, _, kind = rest.partition(".")
    # A single convolution has no number there.
    return f"{ours}.{LAYERS.get(layer, layer)}.{kind}" if kind else f"{ours}.0.{layer}"


def our_names(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the arrays of any of the known files under our module's names."""
    if is_detectron2(arrays):
        return {BACKBONE + name: array for name, array in from_detectron2(arrays).items()}
    networks = {name.removeprefix("module.").partition(".")[0] for name in arrays}
    if networks & set(NETWORKS):
        return {our_name(name): array for name, array in arrays.items()}
    return {BACKBONE + name: array for name, array in arrays.items()}


def load_weights(module: nn.Module, path: Path | str) -> str | None:
    """Fills ``module``'s backbone, and its other networks where the file has them.

    Args:
        module: `PixPro` or a baseline, of the file's width.
        path: What `torch.save` wrote, or an ``.npz``.

    Returns:
        What of the file or of the module was left out, to be told, or None.

    Raises:
        DataError: Unreadable, an array of the backbone missing or too many, or one of another
            shape; with the setting that mends it. The module is not touched then.
    """
    arrays = our_names(read_state_dict(path))
    wanted = module.state_dict()
    left = sorted(n for n in arrays if n.startswith("backbone.fc.") or n not in wanted)
    left = [n for n in left if n.startswith("backbone.fc.") or not n.startswith(BACKBONE)]
    arrays = {name: array for name, array in arrays.items() if name not in left}
    # Every network that the file begins is whole.
    begun = {_network(name) for name in arrays} | {"backbone"}
    whole = {name: array for name, array in wanted.items() if _network(name) in begun}
    check_fit(path, arrays, whole, "method.backbone and method.transform_layers", _mend)
    module.load_state_dict(arrays, strict=False)
    absent = sorted({_network(n) for n in wanted if "." in n} - {_network(n) for n in arrays})
    told = [f"{', '.join(sorted({_network(name) for name in left}))} left out"] if left else []
    told += [f"no {name} in the file: as initialised" for name in absent]
    return "; ".join(told) or None


def _network(name: str) -> str:
    """Returns which network an array belongs to, for a message."""
    if name.startswith("backbone.fc."):
        return "fc"
    if name.startswith(MOMENTUM):
        return ".".join(name.split(".")[:2])
    return name.split(".")[0]


def _mend(name: str, array: Tensor) -> str:
    """Returns the setting that would make the module's array as large as the file's."""
    if name.startswith((BACKBONE, MOMENTUM + BACKBONE)):
        return "set method.width, method.stem and method.backbone as the file's, and its channels"
    if ".0." in name and "transform" not in name:
        return f"set method.hidden_dim={len(array)}"
    return "set method.output_dim as the file's"
