import math

import pytest
import torch
import torchvision

from common.backbones.vit import sine_positions, vit_base, vit_small, vit_tiny


def test_with_the_same_weights_and_positions_it_is_torchvisions():
    torch.manual_seed(0)
    model = vit_tiny().eval()
    reference = torchvision.models.VisionTransformer(64, 16, 12, 3, 192, 768).eval()
    reference.heads = torch.nn.Identity()
    left = reference.load_state_dict(model.state_dict(), strict=False)
    assert left.missing_keys == ["encoder.pos_embedding"] and not left.unexpected_keys
    positions = torch.cat([torch.zeros(1, 192), sine_positions(4, 4, 192).float()])
    reference.encoder.pos_embedding.data = positions[None]
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model(x), reference(x))


def test_positions_are_sines_of_row_and_column():
    found = sine_positions(3, 5, 8)
    row, column, slow = 2, 3, 10_000**-0.5
    expected = [
        *(math.sin(row), math.sin(row * slow), math.cos(row), math.cos(row * slow)),
        *(math.sin(column), math.sin(column * slow), math.cos(column), math.cos(column * slow)),
    ]
    torch.testing.assert_close(found[row * 5 + column], torch.tensor(expected).double())
    assert len(found.unique(dim=0)) == 15


@pytest.mark.parametrize(("make", "millions"), [(vit_small, 21.6), (vit_base, 85.6)])
def test_sizes_are_those_of_the_literature(make, millions):
    with torch.device("meta"):
        model = make()
    # 22.1 and 86.6 M with a classifier of 1000 classes and positions that are learned.
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == millions


def test_all_but_the_patch_embedding_learns():
    torch.manual_seed(0)
    model = vit_tiny(channels=1, stem="cifar")
    model(torch.randn(2, 1, 8, 12)).square().sum().backward()
    still = {name for name, p in model.named_parameters() if p.grad is None}
    assert still == {"conv_proj.weight", "conv_proj.bias"}


def test_initial_weights_lie_within_xaviers_bounds():
    torch.manual_seed(0)
    model = vit_tiny()
    attention = model.encoder.layers.encoder_layer_3.self_attention
    for weight, fans in (
        (attention.in_proj_weight, 192 + 192),
        (attention.out_proj.weight, 192 + 192),
        (model.encoder.layers.encoder_layer_3.mlp[0].weight, 192 + 768),
        (model.conv_proj.weight, 3 * 16 * 16 + 192),
    ):
        bound = math.sqrt(6 / fans)
        assert 0.99 * bound < weight.abs().max() <= bound
    assert not attention.in_proj_bias.any() and not attention.out_proj.bias.any()


def test_what_does_not_divide_into_patches_is_refused():
    with pytest.raises(ValueError, match="20 x 32 do not divide into patches of 16"):
        vit_tiny()(torch.zeros(1, 3, 20, 32))
