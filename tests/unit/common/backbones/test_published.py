import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
import torchvision

from common.backbones.published import (
    from_detectron2,
    is_detectron2,
    read_state_dict,
    to_detectron2,
)
from common.errors import DataError, UsageError


def saved(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as content:
        content.writestr("readme", "no weights")
    return file.getvalue()


WEIGHTS = {"w": torch.ones(1000)}


@pytest.mark.parametrize("old_form", [False, True])
@pytest.mark.parametrize("place", [None, "state_dict", "model"])
def test_plain_weights_are_read(old_form, place, tmp_path):
    content = WEIGHTS if place is None else {place: WEIGHTS, "epoch": 3}
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(content, _use_new_zipfile_serialization=not old_form))
    assert torch.equal(read_state_dict(path)["w"], WEIGHTS["w"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.pth", b"epoch,loss\n1,2\n"),
        ("empty.pth", b""),
        ("text.npz", b"hello"),
        ("module.pth", saved(torch.nn.Linear(2, 2))),
        ("torn.pth", saved(WEIGHTS)[:-500]),
        ("other.zip", archive()),
        ("list.pth", saved([1, 2])),
        ("system.pth", pickle.dumps({"run": os.system}, protocol=2)),
        ("pickle.pth", pickle.dumps({"run": print}, protocol=2)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_refused_in_one_line_of_ours(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_state_dict(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ") and "state_dict" in said
    assert "weights_only" not in said and "\n" not in said


def test_arrays_that_would_run_code_are_not_read(tmp_path):
    np.savez(tmp_path / "objects.npz", w=np.array([print], dtype=object))
    with pytest.raises(DataError, match=r"objects\.npz"):
        read_state_dict(tmp_path / "objects.npz")


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_numbers_that_are_none_are_named_by_their_array(value, tmp_path):
    arrays = {"encoder.bias": np.zeros(3), "encoder.weight": np.array([1.0, value])}
    np.savez(tmp_path / "weights.npz", **arrays)
    torch.save({name: torch.from_numpy(x) for name, x in arrays.items()}, tmp_path / "weights.pth")
    for name in ("weights.npz", "weights.pth"):
        with pytest.raises(DataError, match=rf"{name}: encoder\.weight holds NaN or infinity"):
            read_state_dict(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "is_read"),
    [
        (torch.full((3, 3), -torch.inf).triu(1), True),
        (torch.full((3, 3), -torch.inf), False),
        (torch.full((2, 4, 3, 3), -torch.inf).triu(1), True),  # a window's, of shifted windows
        (torch.full((3, 3), torch.inf).triu(1), False),
        # Of a head that began at zero: one row, or a part of one, has diverged.
        (torch.zeros(10, 64).index_fill(0, torch.tensor([3]), -torch.inf), False),
        (torch.zeros(10, 10).index_fill(0, torch.tensor([3]), -torch.inf), False),
        (torch.full((10, 64), -torch.inf).triu(1), False),
        (torch.tensor([0.0, -torch.inf]), False),  # as a bias diverges
        (torch.tensor([[0.0, -torch.inf, torch.nan]]), False),
        (torch.tensor([[0.0, -torch.inf, 0.5]]), False),
    ],
)
def test_of_infinities_only_those_of_an_attention_mask_are_read(array, is_read, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"encoder.weight": torch.ones(2), "encoder.mask": array}, path)
    if is_read:
        assert torch.equal(read_state_dict(path)["encoder.mask"], array)
    else:
        with pytest.raises(DataError, match=r"encoder\.mask"):
            read_state_dict(path)


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
