import pytest
import torch
import torchvision

from common.backbones.formats import from_detectron2, is_detectron2, to_detectron2
from common.errors import UsageError


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return torchvision.models.resnet50().state_dict()


def test_the_names_are_those_of_detectron2s_resnet50(state):
    found = to_detectron2(state)
    expected = {"stem.conv1.weight"} | {f"stem.conv1.norm.{kind}" for kind in NORM}
    for stage, blocks in enumerate((3, 4, 6, 3), 2):
        for block in range(blocks):
            layers = ["conv1", "conv2", "conv3", *["shortcut"][: block == 0]]
            for layer in layers:
                place = f"res{stage}.{block}.{layer}"
                expected |= {f"{place}.weight"} | {f"{place}.norm.{kind}" for kind in NORM}
    assert set(found) == expected


NORM = ("weight", "bias", "running_mean", "running_var")


def test_arrays_keep_their_places(state):
    found = to_detectron2(state)
    for theirs, ours in {
        "stem.conv1.norm.bias": "bn1.bias",
        "res2.0.shortcut.norm.running_var": "layer1.0.downsample.1.running_var",
        "res3.2.conv3.weight": "layer2.2.conv3.weight",
        "res5.1.conv2.norm.weight": "layer4.1.bn2.weight",
    }.items():
        assert found[theirs] is state[ours]


@pytest.mark.parametrize("prefix", ["", "backbone.bottom_up."])
def test_there_and_back(state, prefix):
    theirs = {prefix + name: array for name, array in to_detectron2(state).items()}
    theirs["proposal_generator.anchor.weight"] = torch.zeros(2)
    back = from_detectron2(theirs)
    kept = [n for n in state if not n.startswith("fc.") and "num_batches" not in n]
    assert set(back) == set(kept)
    assert all(back[name] is state[name] for name in kept)


def test_the_two_are_told_apart(state):
    assert is_detectron2(to_detectron2(state)) and not is_detectron2(state)


def test_what_is_no_resnet_is_refused():
    with pytest.raises(UsageError, match=r"--to detectron2.*layers.0.weight"):
        to_detectron2({"layers.0.weight": torch.zeros(2)})
    with pytest.raises(UsageError, match="ResNets"):
        to_detectron2({})
