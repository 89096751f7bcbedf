"""The encoders of texts, and the small one of images, that methods on pairs are built from."""

import pytest
import torch

from common.backbones.small_networks import TinyConv
from common.backbones.text_config import TextTowerConfig
from common.backbones.text_towers import TextBag, TextTransformer
from common.errors import ConfigError

SMALL = TextTowerConfig(width=16, layers=2, heads=4)
TEXT = torch.tensor([[5, 6, 7, 8, 1]])
SWAPPED = torch.tensor([[7, 6, 5, 8, 1]])


def make(kind, config=SMALL, context=9):
    torch.manual_seed(0)
    return kind(20, context, config).double().eval()


def full(ids):
    return torch.ones_like(ids, dtype=torch.bool)


@pytest.mark.parametrize("kind", [TextTransformer, TextBag])
def test_padding_and_what_stands_in_it_change_nothing(kind):
    tower = make(kind)
    padded = torch.cat([TEXT, torch.tensor([[13, 14]])], 1)
    mask = torch.arange(7)[None] < 5
    found, alone = tower(padded, mask), tower(TEXT, full(TEXT))
    torch.testing.assert_close(found, alone, rtol=1e-12, atol=1e-14)
    assert alone.shape == (1, tower.num_features)


def test_the_transformer_reads_order_and_the_bag_does_not():
    transformer, bag = make(TextTransformer), make(TextBag)
    apart = (transformer(TEXT, full(TEXT)) - transformer(SWAPPED, full(SWAPPED))).abs().max()
    assert apart > 1e-6
    torch.testing.assert_close(
        bag(TEXT, full(TEXT)), bag(SWAPPED, full(SWAPPED)), rtol=1e-12, atol=1e-15
    )


def test_a_token_attends_to_none_behind_it():
    tower = make(TextTransformer)
    longer = torch.cat([TEXT, torch.tensor([[9, 10]])], 1)
    ends_early = torch.arange(7)[None] < 5
    torch.testing.assert_close(
        tower(longer, ends_early), tower(TEXT, full(TEXT)), rtol=1e-12, atol=1e-14
    )


def test_equals_the_stock_layers_on_the_same_weights():
    tower = make(TextTransformer)
    stock = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(
            16, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
        ),
        2,
        enable_nested_tensor=False,
    )
    for theirs, ours in zip(stock.layers, tower.blocks, strict=True):
        theirs.self_attn.in_proj_weight.data = ours.query_key_value.weight.data
        theirs.self_attn.in_proj_bias.data = ours.query_key_value.bias.data
        theirs.self_attn.out_proj.load_state_dict(ours.attention_out.state_dict())
        theirs.linear1.load_state_dict(ours.dense_in.state_dict())
        theirs.linear2.load_state_dict(ours.dense_out.state_dict())
    x = tower.words(TEXT) + tower.positions[:5]
    causal = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    expected = tower.norm(stock(x, causal, is_causal=True))[:, -1]
    torch.testing.assert_close(tower(TEXT, full(TEXT)), expected, rtol=1e-10, atol=1e-12)


def test_the_published_activation_is_another_one():
    quick = TextTowerConfig(width=16, layers=2, heads=4, activation="quick_gelu")
    usual, published = make(TextTransformer), make(TextTransformer, quick)
    apart = (usual(TEXT, full(TEXT)) - published(TEXT, full(TEXT))).abs().max()
    assert 0 < apart < 0.1


def test_weights_are_drawn_as_clip_draws_them():
    torch.manual_seed(0)
    tower = TextTransformer(1000, 77, TextTowerConfig(width=64, layers=3, heads=4))
    block, expected = tower.blocks[0], 64**-0.5
    for weight, std in (
        (tower.words.weight, 0.02),
        (tower.positions, 0.01),
        (block.query_key_value.weight, expected),
        (block.attention_out.weight, expected * 6**-0.5),
        (block.dense_in.weight, 128**-0.5),
        (block.dense_out.weight, expected * 6**-0.5),
    ):
        assert weight.std().item() == pytest.approx(std, rel=0.05)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ConfigError, match=r"method\.text\.heads"):
        make(TextTransformer, TextTowerConfig(width=16, heads=3))


def test_the_small_encoder_of_images_knows_where_things_are():
    torch.manual_seed(0)
    tower = TinyConv().double().eval()
    left, right = torch.zeros(2, 1, 3, 32, 32, dtype=torch.float64)
    left[..., 8:16, 4:12], right[..., 8:16, 20:28] = 1, 1
    assert (tower(left) - tower(right)).abs().max() > 1e-3
    assert tower(torch.rand(2, 3, 64, 96, dtype=torch.float64)).shape == (2, 128)
    with pytest.raises(ValueError, match="multiples of 32"):
        tower(torch.rand(1, 3, 48, 48, dtype=torch.float64))
