import json
import re
from dataclasses import replace

import pytest
import torch

from common.backbones.text_config import EncoderConfig
from common.backbones.text_encoder import (
    TextEncoder,
    build_text_encoder,
    masked_mean,
    pool,
    read_encoder,
)
from common.data.text.config import TextFacts
from common.errors import ConfigError, DataError

SMALL = EncoderConfig(dim=8, layers=2, heads=2, feed_forward=16, positions=12)
FACTS = TextFacts(num_words=20, max_length=12)
IDS = torch.randint(5, 20, (3, 7), generator=torch.Generator().manual_seed(0))
MASK = torch.arange(7) < torch.tensor([[7], [4], [2]])


def encoder(**options) -> TextEncoder:
    torch.manual_seed(0)
    return build_text_encoder(replace(SMALL, **options), FACTS).double().eval()


def write(folder, state, **sizes):
    torch_file = pytest.importorskip("safetensors.torch")
    torch_file.save_file(
        {name: array.clone() for name, array in state.items()}, folder / "model.safetensors"
    )
    told = {
        "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 12, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "vocab_size": 20, "hidden_dropout_prob": 0.3,
    } | sizes  # fmt: skip
    (folder / "config.json").write_text(json.dumps(told))


def test_padding_changes_no_state_of_a_token():
    network = encoder()
    states = network(IDS, MASK)
    other = network(torch.where(MASK, IDS, 1), MASK)
    alone = network(IDS[1:2, :4], MASK[1:2, :4])
    assert len(states) == 3
    for own, changed, short in zip(states, other, alone, strict=True):
        torch.testing.assert_close(own[MASK], changed[MASK])
        torch.testing.assert_close(own[1:2, :4], short)


def test_the_order_of_words_and_the_kind_of_token_count():
    network = encoder()
    last = network(IDS, MASK)[-1]
    assert not torch.allclose(last[0].flip(0), network(IDS.flip(1), MASK.flip(1))[-1][0])
    assert not torch.allclose(last, network(IDS, MASK, torch.ones_like(IDS))[-1])


def test_two_passes_differ_by_dropout_in_training_alone():
    network = encoder().train()
    assert not torch.equal(network(IDS, MASK)[-1], network(IDS, MASK)[-1])
    network.eval()
    assert torch.equal(network(IDS, MASK)[-1], network(IDS, MASK)[-1])
    still = encoder(dropout=0.0).train()
    assert torch.equal(still(IDS, MASK)[-1], still(IDS, MASK)[-1])


def test_the_generated_glossary_is_read_by_83_712_parameters():
    config = EncoderConfig(dim=64, layers=2, heads=4, feed_forward=128, positions=64, token_types=0)
    network = build_text_encoder(config, TextFacts(num_words=196))
    assert sum(parameter.numel() for parameter in network.parameters()) == 83_712


def test_texts_beyond_the_positions_are_refused():
    with pytest.raises(ConfigError, match=r"data\.max_length=13"):
        build_text_encoder(SMALL, replace(FACTS, max_length=13))
    with pytest.raises(ValueError, match="13 tokens"):
        encoder()(torch.ones(1, 13, dtype=torch.int64), torch.ones(1, 13))
    with pytest.raises(ConfigError, match=r"heads=3"):
        encoder(heads=3)


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_checkpoint_is_read_whatever_is_before_its_names(tmp_path, prefix):
    own = encoder()
    state = {prefix + name: array for name, array in own.state_dict().items()}
    state |= {prefix + "embeddings.position_ids": torch.arange(12), "cls.predictions.bias": IDS}
    write(tmp_path, {name: a.float() if a.is_floating_point() else a for name, a in state.items()})
    found = read_encoder(tmp_path)
    assert found.pooler is None and found.embeddings.dropout.p == 0.3
    assert read_encoder(tmp_path, dropout=0.0).embeddings.dropout.p == 0
    found.eval()
    torch.testing.assert_close(found(IDS, MASK)[-1], own.float()(IDS, MASK)[-1])


def test_the_first_checkpoints_names_of_layer_norms_are_known(tmp_path):
    own = encoder().float().state_dict()
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    names = [re.sub("|".join(old), lambda found: old[found[0]], name) for name in own]
    write(tmp_path, dict(zip(names, own.values(), strict=True)))
    found = read_encoder(tmp_path).state_dict()
    assert all(torch.equal(found[name], array) for name, array in own.items())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_states_are_those_of_the_library_transformers(tmp_path, kind):
    library = pytest.importorskip("transformers")
    sizes = {
        "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 12, "layer_norm_eps": 1e-5,
    }  # fmt: skip
    torch.manual_seed(0)
    theirs = getattr(library, f"{kind}Model")(getattr(library, f"{kind}Config")(**sizes)).eval()
    theirs.save_pretrained(tmp_path)
    pad = theirs.config.pad_token_id
    ids = torch.where(MASK, IDS, pad)
    found = theirs(ids, MASK.long(), output_hidden_states=True).hidden_states
    ours = read_encoder(tmp_path).eval()
    assert ours.num_positions == (10 if kind == "Roberta" else 12)
    for own, state in zip(ours(ids, MASK), found, strict=True):
        torch.testing.assert_close(own[MASK], state[MASK], atol=1e-6, rtol=1e-5)


def test_a_checkpoint_brings_its_pooler(tmp_path):
    whole = TextEncoder(20, SMALL, has_pooler=True)
    write(tmp_path, whole.state_dict())
    assert torch.equal(read_encoder(tmp_path).pooler.dense.weight, whole.pooler.dense.weight)


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_act", "relu"), ("position_embedding_type", "relative_key"), ("is_decoder", True)],
)
def test_a_checkpoint_that_computes_something_else_is_refused(tmp_path, key, value):
    write(tmp_path, encoder().float().state_dict(), **{key: value})
    with pytest.raises(DataError, match=f"{key} {value!r}"):
        read_encoder(tmp_path)


def test_another_layout_and_broken_checkpoints_are_refused(tmp_path):
    state = encoder().float().state_dict()
    write(tmp_path, state, model_type="t5")
    with pytest.raises(DataError, match="t5"):
        read_encoder(tmp_path)
    write(tmp_path, state, vocab_size=21)
    with pytest.raises(DataError, match="word_embeddings"):
        read_encoder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match=r"model\.safetensors"):
        read_encoder(tmp_path)


def test_a_checkpoint_of_fewer_words_than_the_data_is_refused(tmp_path):
    write(tmp_path, encoder().float().state_dict())
    with pytest.raises(ConfigError, match=r"data\.tokenizer"):
        build_text_encoder(replace(SMALL, checkpoint=str(tmp_path)), replace(FACTS, num_words=21))


def test_averages_are_over_tokens():
    hidden = list(torch.arange(84.0).view(3, 1, 7, 4).expand(3, 3, 7, 4))
    means = masked_mean(hidden[-1], MASK)
    torch.testing.assert_close(means[1], hidden[-1][1, :4].mean(0))
    torch.testing.assert_close(pool("avg", hidden, MASK), means)
    assert torch.equal(pool("cls", hidden, MASK), hidden[-1][:, 0])
    first_last = masked_mean((hidden[1] + hidden[2]) / 2, MASK)
    torch.testing.assert_close(pool("avg_first_last", hidden, MASK), first_last)
    torch.testing.assert_close(pool("avg_top2", hidden, MASK), first_last)
    with pytest.raises(ValueError, match="max"):
        pool("max", hidden, MASK)
