import torch

from common.backbones.small_conv import SmallConv


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
