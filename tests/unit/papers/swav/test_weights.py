import pytest
import torch
import torchvision

from common.data.images.config import ImageFacts
from common.errors import DataError
from papers.swav.config import SwAVConfig
from papers.swav.module import SwAV
from papers.swav.weights import load_weights
from tests.states import change, save, without

FACTS = ImageFacts(3, 32, 10, 64)
SMALL = {"backbone": "resnet18", "hidden_dim": 16, "output_dim": 8, "num_prototypes": 12}


def make_module(seed=0, **options):
    torch.manual_seed(seed)
    return SwAV(SwAVConfig(**SMALL | options), facts=FACTS)


def official(module):
    """Returns the module's state under the official repository's names."""
    state = {}
    for name, array in module.state_dict().items():
        name = name.removeprefix("backbone.").replace("head.", "projection_head.", 1)
        if name not in ("queue", "batches_seen"):
            state[f"module.{name}"] = array.clone()
    return state


def loaded(folder, state, module=None):
    module = module or make_module(seed=1)
    return load_weights(module, save(folder, state)), module.state_dict()


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state}])
def test_the_official_file_fills_backbone_head_and_prototypes(tmp_path, wrap):
    source = make_module()
    left, state = loaded(tmp_path, wrap(official(source)))
    assert left is None
    for name, array in source.state_dict().items():
        assert torch.equal(array, state[name]), name


def test_files_without_counters_and_with_one_linear_layer_load(tmp_path):
    source = make_module(hidden_dim=0)
    state = {n: a for n, a in official(source).items() if "num_batches" not in n}
    for part in ("weight", "bias"):
        state[f"module.projection_head.{part}"] = state.pop(f"module.projection_head.0.{part}")
    _, found = loaded(tmp_path, state, make_module(seed=1, hidden_dim=0))
    assert torch.equal(found["head.0.bias"], source.head[0].bias)


def test_torchvisions_resnet50_loads_and_gives_its_features(tmp_path):
    torch.manual_seed(0)
    reference = torchvision.models.resnet50()
    for norm in (m for m in reference.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        torch.nn.init.uniform_(norm.running_mean, -0.1, 0.1)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    module = make_module(seed=1, backbone="resnet50").eval()
    head = module.head[0].weight.clone()
    left = load_weights(module, save(tmp_path, reference.state_dict()))
    assert left == (
        "fc.bias, fc.weight left out; no head in the file: as initialised; "
        "no prototypes in the file: as initialised"
    )
    assert torch.equal(head, module.head[0].weight)
    reference.fc = torch.nn.Identity()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(module.embed(x), reference.eval()(x))


def test_an_exported_backbone_comes_back_and_is_torchvisions(tmp_path):
    # As `papers export` writes it; batch norms of ours have torch's names.
    exported = make_module(backbone="resnet50").backbone.state_dict()
    result = torchvision.models.resnet50().load_state_dict(exported, strict=False)
    assert result.missing_keys == ["fc.weight", "fc.bias"] and not result.unexpected_keys
    module = make_module(seed=1, backbone="resnet50")
    load_weights(module, save(tmp_path, exported))
    assert torch.equal(module.backbone.layer4[2].conv3.weight, exported["layer4.2.conv3.weight"])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (without("conv1.weight"), "backbone.conv1.weight.*1"),
        (without("projection_head.3.bias"), "head.3.bias"),
        (change("extra.weight", torch.zeros(2)), "backbone.extra.weight"),
        (change("prototypes.weight", torch.zeros(30, 8)), r"\(30, 8\).*\(12, 8\).*30 in all"),
        (change("projection_head.0.weight", torch.zeros(32, 512)), "method.hidden_dim=32"),
        (change("conv1.weight", torch.zeros(128, 3, 7, 7)), "method.width=2.*=imagenet"),
        (change("conv1.weight", torch.zeros(64, 3, 3, 3)), "method.width=1.*=cifar"),
        (change("prototypes.prototypes0.weight", torch.zeros(12, 8)), "deepcluster-v2"),
    ],
)
def test_what_does_not_fit_is_named_with_its_mend(tmp_path, broken, message):
    with pytest.raises(DataError, match=message):
        loaded(tmp_path, broken(official(make_module())))


def test_nothing_is_changed_when_a_file_is_refused(tmp_path):
    module = make_module(seed=1)
    before = {name: array.clone() for name, array in module.state_dict().items()}
    with pytest.raises(DataError):
        loaded(tmp_path, change("bn1.bias", torch.zeros(3))(official(make_module())), module)
    assert all(torch.equal(array, before[name]) for name, array in module.state_dict().items())
