import torch

from common.backbones.mlp import MLP
from common.backbones.small_volume import SmallVolume


def test_the_perceptron_flattens_what_it_is_given():
    net = MLP(channels=12, width=2).eval()
    x = torch.rand(3, 4, 3)
    assert net(x).shape == (3, net.num_features) == (3, 128)
    torch.testing.assert_close(net(x), net(x.flatten(1)))
    assert net(x).min() < 0  # features are linear, not cut at 0


def test_volumes_of_any_size_are_taken():
    net = SmallVolume(channels=2, width=2).eval()
    assert net(torch.rand(2, 2, 9, 8, 5)).shape == (2, net.num_features) == (2, 128)
