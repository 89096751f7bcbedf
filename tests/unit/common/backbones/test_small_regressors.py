import torch

from common.backbones.mlp import MLP
from common.backbones.small_grid import SmallGrid
from common.backbones.small_volume import SmallVolume
from common.backbones.text_pair import TextPair


def test_the_perceptron_flattens_what_it_is_given():
    net = MLP(channels=12, width=2).eval()
    x = torch.rand(3, 4, 3)
    assert net(x).shape == (3, net.num_features) == (3, 128)
    torch.testing.assert_close(net(x), net(x.flatten(1)))
    assert net(x).min() < 0  # features are linear, not cut at 0


def test_the_grid_knows_where_things_are():
    net = SmallGrid(channels=1).eval()
    picture = torch.zeros(1, 1, 24, 24)
    picture[..., 2:8, 2:8] = 1
    turned = picture.flip(2, 3)
    grids = [net.layers(x) for x in (picture, turned)]
    # Averaged over the whole picture both are nearly alike; by cells they are not.
    assert (grids[0] - grids[1]).abs().max() > 0.01
    assert net(picture).shape == (1, net.num_features) == (1, 64)


def test_width_and_channels_are_taken():
    net = SmallGrid(channels=3, width=2)
    assert net(torch.rand(2, 3, 16, 20)).shape == (2, 128)


def test_a_pair_of_equal_sentences_has_no_difference_and_cosine_one():
    net = TextPair(channels=50).eval()
    sentence = torch.rand(3, 50)
    pair = torch.stack([sentence, sentence], 1)
    seen = {}
    net.norm.register_forward_hook(lambda module, given, made: seen.update(pair=given[0]))
    assert net(pair).shape == (3, net.num_features) == (3, 64)
    _, _, difference, product = seen["pair"].chunk(4, 1)
    # Rows of one product may be rounded differently, by their place in it.
    assert difference.max() < 1e-7
    torch.testing.assert_close(product.sum(1), torch.ones(3))


def test_volumes_of_any_size_are_taken():
    net = SmallVolume(channels=2, width=2).eval()
    assert net(torch.rand(2, 2, 9, 8, 5)).shape == (2, net.num_features) == (2, 128)
