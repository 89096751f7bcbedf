import argparse
import re

import pytest
import torch
import torchvision

from common.backbones.published import to_detectron2
from common.data.images.config import ImageFacts
from common.errors import DataError
from common.methods.config import SimCLRConfig
from common.methods.simclr import SimCLR
from papers.pixpro.config import PixProConfig
from papers.pixpro.module import PixPro
from papers.pixpro.weights import NETWORKS, load_weights, our_name
from tests.states import change, save, without

FACTS = ImageFacts(3, 32, 10, 64)
OFFICIAL = {ours: theirs for theirs, ours in NETWORKS.items()}
LAYER = {"0": "linear1", "1": "bn1", "3": "linear2"}


def make_module(seed=0, **options):
    torch.manual_seed(seed)
    small = {"backbone": "resnet18", "hidden_dim": 16, "output_dim": 8, "instance_weight": 1.0}
    return PixPro(PixProConfig(**small | options), facts=FACTS)


def official(module):
    """Returns the module's state under the official repository's names."""
    state = {}
    for name, array in module.state_dict().items():
        network = max((n for n in OFFICIAL if name.startswith(f"{n}.")), key=len, default=None)
        if network is None:
            continue
        rest = name.removeprefix(f"{network}.")
        if network == "propagation.transform" and module.method.transform_layers == 1:
            rest = rest.removeprefix("0.")
        elif not network.endswith("backbone"):
            layer, _, kind = rest.partition(".")
            rest = f"{LAYER[layer]}.{kind}"
        state[f"module.{OFFICIAL[network]}.{rest}"] = array.clone()
    return state


def assert_equal(state, other, names=None):
    for name in names or [n for n in state if "." in n]:
        assert torch.equal(state[name], other[name]), name


@pytest.mark.parametrize("layers", [1, 2])
def test_the_official_file_fills_every_network(tmp_path, layers):
    source, module = make_module(transform_layers=layers), make_module(1, transform_layers=layers)
    # As the official code saves it: settings beside the model.
    content = {"opt": argparse.Namespace(arch="resnet50"), "model": official(source), "epoch": 3}
    assert load_weights(module, save(tmp_path, content)) is None
    assert_equal(source.state_dict(), module.state_dict())


def test_names_of_the_official_file():
    for theirs, ours in {
        "module.encoder.layer1.0.conv1.weight": "backbone.layer1.0.conv1.weight",
        "module.encoder_k.bn1.bias": "momentum_networks.backbone.bn1.bias",
        "module.projector.linear1.weight": "projector.0.weight",
        "module.projector_k.bn1.running_mean": "momentum_networks.projector.1.running_mean",
        "module.value_transform.weight": "propagation.transform.0.weight",
        "module.value_transform.linear2.bias": "propagation.transform.3.bias",
        "module.projector_instance.linear2.bias": "instance_projector.3.bias",
        "module.predictor.bn1.weight": "predictor.1.weight",
    }.items():
        assert our_name(theirs) == ours


def test_networks_that_the_recipe_does_not_train_are_left_out_and_told(tmp_path):
    source, module = make_module(), make_module(1, instance_weight=0.0)
    told = load_weights(module, save(tmp_path, {"model": official(source)}))
    assert told == ("instance_projector, momentum_networks.instance_projector, predictor left out")
    simclr = SimCLR(SimCLRConfig(backbone="resnet18", hidden_dim=16, output_dim=8), facts=FACTS)
    projector = simclr.projector[0].weight.clone()
    state = {n: a for n, a in official(source).items() if n.startswith("module.encoder.")}
    assert load_weights(simclr, save(tmp_path, state)) == (
        "no projector in the file: as initialised"
    )
    assert torch.equal(simclr.projector[0].weight, projector)
    assert torch.equal(simclr.backbone.conv1.weight, source.backbone.conv1.weight)


@pytest.mark.parametrize("kind", ["torchvision", "detectron2", "ours"])
def test_plain_backbones_of_any_naming_load_and_give_their_features(tmp_path, kind):
    torch.manual_seed(0)
    reference = torchvision.models.resnet18()
    state = reference.state_dict()
    if kind == "detectron2":
        state = {f"backbone.bottom_up.{n}": a for n, a in to_detectron2(state).items()}
    elif kind == "ours":
        state = {n: a for n, a in state.items() if not n.startswith("fc.")}
    module = make_module(1).eval()
    told = load_weights(module, save(tmp_path, state))
    assert told.startswith("fc left out; ") == (kind == "torchvision")
    assert "no momentum_networks.backbone in the file" in told
    reference.fc = torch.nn.Identity()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(module.embed(x), reference.eval()(x))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (without("encoder.conv1.weight"), r"backbone\.conv1\.weight.*1"),
        (without("projector_k.linear2.bias"), r"momentum_networks\.projector\.3\.bias"),
        (change("encoder.extra.weight", torch.zeros(2)), r"backbone\.extra"),
        (change("encoder.conv1.weight", torch.zeros(128, 3, 7, 7)), r"method\.width"),
        (change("projector.linear1.weight", torch.zeros(32, 512, 1, 1)), "method.hidden_dim=32"),
        (change("projector.linear2.bias", torch.zeros(9)), r"method\.output_dim"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_changed(tmp_path, broken, message):
    module = make_module(1)
    before = {name: array.clone() for name, array in module.state_dict().items()}
    with pytest.raises(DataError, match=message):
        load_weights(module, save(tmp_path, broken(official(make_module()))))
    assert_equal(before, module.state_dict(), list(before))


def test_a_file_of_other_things_is_refused(tmp_path):
    for content in ([1, 2], {"model": 3}, {"model": {"a": "b"}}):
        with pytest.raises(DataError, match=re.escape("no state_dict of tensors")):
            load_weights(make_module(), save(tmp_path, content))
