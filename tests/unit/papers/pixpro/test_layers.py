import pytest
import torch
import torch.nn.functional as F
from torch import nn

from papers.pixpro.layers import PixelPropagation, conv_mlp, value_transform


def make_map(channels=4, size=(2, 3), batch=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, channels, *size, generator=generator, dtype=dtype)


def test_a_very_sharp_propagation_keeps_each_cell_as_it_is():
    x = make_map()
    found = PixelPropagation(4, 0, sharpness=1000.0)(x)
    torch.testing.assert_close(found, F.normalize(x, dim=1))


def test_images_of_a_batch_do_not_mix():
    module, x = PixelPropagation(4, 0), make_map()
    torch.testing.assert_close(module(x)[:1], module(x[:1]))


def test_values_may_keep_their_length():
    module, x = PixelPropagation(4, 0, sharpness=1000.0, normalise_values=False), make_map()
    torch.testing.assert_close(module(x), x)


@pytest.mark.parametrize(
    ("layers", "norm", "kinds"),
    [
        (0, False, []),
        (1, False, [nn.Conv2d]),
        (2, False, [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]),
        (1, True, [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]),
    ],
)
def test_the_transform_has_the_layers_of_code_or_paper(layers, norm, kinds):
    assert [type(layer) for layer in value_transform(4, layers, norm)] == kinds


def test_gradients_flow_through_the_similarities():
    module, x = PixelPropagation(4, 1).double(), make_map().requires_grad_()
    # With values that do not depend on x, all of the gradient comes from the weights.
    nn.init.zeros_(module.transform[0].weight)
    module(x).square().sum().backward()
    assert x.grad.abs().max() > 1e-3


def test_heads_are_pointwise():
    torch.manual_seed(0)
    head, x = conv_mlp(4, 8, 3).double().eval(), make_map()
    assert head(x).shape == (2, 3, 2, 3)
    torch.testing.assert_close(head(x)[:, :, 1:, 2:], head(x[:, :, 1:, 2:]))
