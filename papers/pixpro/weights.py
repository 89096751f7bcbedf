"""Published ResNets in our module: the official PixPro files, torchvision's, Detectron2's, ours."""

LAYERS = {"linear1": "0", "bn1": "1", "linear2": "3"}
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
    """Returns our module's name of an array of the official one."""
    network, _, rest = name.removeprefix("module.").partition(".")
    ours = NETWORKS.get(network)
    if ours is None:
        return name
    if ours.endswith("backbone"):
        return f"{ours}.{rest}"
    layer, _, kind = rest.partition(".")
    # A single convolution has no number there.
    return f"{ours}.{LAYERS[layer]}.{kind}" if kind else f"{ours}.0.{layer}"
