"""Small networks, their block, and the names of weights that saved runs rely on."""

import pytest
import torch
from torch import nn

from common.backbones.small_networks import MLP, SmallConv, SmallVolume, conv_block
from common.registry import SAMPLE_BACKBONES

NAMES = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 2, 4), (5, 2, 4), (3, 1, 8), (5, 1, 8)])
def test_stride_alone_decides_the_size(kernel, stride, side):
    block = nn.Sequential(*conv_block(2, 5, kernel, stride))
    assert block(torch.randn(3, 2, 8, 8)).shape == (3, 5, side, side)
    assert block[0].weight.shape == (5, 2, kernel, kernel) and block[0].bias is None


def test_volumes():
    block = nn.Sequential(*conv_block(1, 4, dims=3))
    assert block(torch.randn(2, 1, 8, 6, 4)).shape == (2, 4, 4, 3, 2)


def test_it_is_convolved_then_normalised_then_cut_at_zero():
    torch.manual_seed(0)
    convolution, norm, _ = conv_block(2, 3)
    x = torch.randn(4, 2, 6, 6)
    out = nn.Sequential(convolution, norm, nn.ReLU())(x)
    h = nn.functional.conv2d(x, convolution.weight, stride=2, padding=1)
    variance, mean = torch.var_mean(h, (0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(out, ((h - mean) / (variance + norm.eps).sqrt()).relu())


@pytest.mark.parametrize(
    ("name", "blocks", "linear"),
    [
        ("small_conv", 3, False),
        ("small_grid", 3, True),
        ("small_volume", 3, True),
        ("forensic_conv", 4, False),
    ],
)
def test_weights_keep_the_names_of_saved_runs(name, blocks, linear):
    expected = []
    for block in range(blocks):
        expected.append(f"layers.{3 * block}.weight")
        expected += [f"layers.{3 * block + 1}.{part}" for part in NAMES]
    expected += ["linear.weight", "linear.bias"] if linear else []
    assert list(SAMPLE_BACKBONES.get(name)().state_dict()) == expected


def test_shapes_strides_and_widths():
    model = SmallConv(channels=1)
    x = torch.rand(3, 1, 20, 20)
    assert model(x).shape == (3, 64)
    assert model.feature_map(x).shape == (3, 64, 5, 5)
    assert SmallConv(width=2).num_features == 128


def test_the_output_is_the_mean_of_the_map():
    model = SmallConv().eval()
    x = torch.rand(2, 3, 12, 12)
    torch.testing.assert_close(model(x), model.feature_map(x).mean(dim=(2, 3)))


def test_the_perceptron_flattens_what_it_is_given():
    net = MLP(channels=12, width=2).eval()
    x = torch.rand(3, 4, 3)
    assert net(x).shape == (3, net.num_features) == (3, 128)
    torch.testing.assert_close(net(x), net(x.flatten(1)))
    assert net(x).min() < 0  # features are linear, not cut at 0


def test_volumes_of_any_size_are_taken():
    net = SmallVolume(channels=2, width=2).eval()
    assert net(torch.rand(2, 2, 9, 8, 5)).shape == (2, net.num_features) == (2, 128)
