import torch

from papers.supremix.backbone import SmallGrid, TextPair


def test_the_grid_knows_where_things_are():
    net = SmallGrid(channels=1).eval()
    image = torch.zeros(1, 1, 24, 24)
    image[..., 2:8, 2:8] = 1
    turned = image.flip(2, 3)
    grids = [net.layers(x) for x in (image, turned)]
    # Averaged over the whole image both are nearly alike; by cells they are not.
    assert (grids[0] - grids[1]).abs().max() > 0.01
    assert net(image).shape == (1, net.num_features) == (1, 64)


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
