"""DefSent, the predecessor: single words, a frozen head, and the rise of its rate."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.backbones.text_config import EncoderConfig
from common.config.schema import OptimizerConfig
from common.data.text.config import Special, TextConfig, TextFacts
from common.data.text.module import TextData
from common.data.text.sets import Texts, TextSet
from common.errors import ConfigError, DataError
from papers.defsent_plus.config import DefSentConfig
from papers.defsent_plus.defsent import DefSent, WordHead, fill_head, predict_word, warmup_rates
from tests import plain_bert
from tests.training import quiet_trainer

ENCODER = EncoderConfig(dim=8, layers=1, heads=2, feed_forward=16, positions=32, token_types=0)
TEXTS = ["a large animal", "a small animal", "an animal of the sea", "a large fish"]
NAMES = ["animal", "sea fish", "fish"]


def make_data(names=NAMES):
    words = "a an of the large small sea animal fish".split()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    made = TextSet(Texts((TEXTS,), np.array([0, 0, 1, 2])), names=names, vocabulary=vocabulary)
    config = TextConfig(name="wordnet", batch_size=4)
    return TextData(config, seed=0, read=lambda _: made)


def make(data, **method):
    data.load()
    torch.manual_seed(0)
    config = DefSentConfig(encoder=ENCODER, **method)
    return DefSent(config, OptimizerConfig(name="adam", lr=0.01), data.facts)


def test_only_entries_that_are_single_words_are_predicted_and_the_head_stays():
    data = make_data()
    module = make(data)
    head = {name: p.clone() for name, p in module.head.state_dict().items()}
    table = module.backbone.embeddings.word_embeddings.weight.clone()
    quiet_trainer(max_epochs=3).fit(module, datamodule=data)
    animal, _, fish = module.words.tolist()
    assert (animal, fish) == (12, 13) and module.words[1] < 0
    assert all(torch.equal(p, head[name]) for name, p in module.head.state_dict().items())
    assert torch.equal(module.backbone.embeddings.word_embeddings.weight, table)
    assert torch.equal(module.head.decoder.weight, table)


POOLED = {"cls": lambda x: x[0], "avg": lambda x: x.mean(0), "max": lambda x: x.amax(0)}


@pytest.mark.parametrize("pooler", POOLED)
def test_a_step_is_that_of_the_equations_with_all_embeddings_frozen(pooler):
    torch.manual_seed(0)
    encoder = replace(ENCODER, layers=2, token_types=2, dropout=0.0)
    facts = TextFacts(20, Special(0, 1, 2, 3, 4), 8, num_targets=3)
    module = DefSent(DefSentConfig(encoder, pooler), facts=facts).double()
    module.words.copy_(torch.tensor([7, -100, 9]))
    texts, entries = [[2, 5, 6, 9, 3], [2, 8, 3], [2, 11, 12, 3]], [0, 1, 2]
    ids = torch.tensor([text + [0] * (5 - len(text)) for text in texts])
    found = module.training_step((ids, ids > 0, torch.tensor(entries)), 0)
    found.backward()

    weights = dict(module.named_parameters())
    own, head = (plain_bert.under(weights, part) for part in ("backbone", "head"))
    losses = []
    for text, word in ((texts[0], 7), (texts[2], 9)):
        h = POOLED[pooler](plain_bert.encode(own, text, [0] * len(text), 2, 1e-12)[-1])
        y = torch.nn.functional.gelu(plain_bert.linear(head, "dense", h))
        logits = plain_bert.linear(head, "decoder", plain_bert.norm(head, "norm", y, 1e-12))
        losses.append(logits.logsumexp(0) - logits[word])
    loss = (losses[0] + losses[1]) / 2
    torch.testing.assert_close(found, loss)
    leaves = {name: p for name, p in weights.items() if ".encoder.layer." in name}
    plain_bert.assert_gradients(module, loss, leaves)


def test_entries_of_several_words_alone_are_refused():
    data = make_data(["the sea", "sea fish", "large fish"])
    with pytest.raises(ConfigError, match="data:"):
        quiet_trainer(max_epochs=1).fit(make(data), datamodule=data)


def test_a_fit_without_the_words_of_entries_is_refused():
    module = make(make_data())
    module._trainer = SimpleNamespace(datamodule=None)
    with pytest.raises(ConfigError, match="trainer"):
        module.on_fit_start()


def test_the_loss_is_the_mean_over_known_words():
    torch.manual_seed(0)
    head, h = WordHead(4, 9, 1e-5).requires_grad_(False), torch.randn(3, 4)
    known = predict_word(head, h[:2], torch.tensor([1, 5]))
    assert predict_word(head, h, torch.tensor([1, 5, -100])) == pytest.approx(known.item())
    assert predict_word(head, h, torch.full((3,), -100)) == 0


def test_the_maximum_is_over_tokens_and_leaves_the_states():
    module = make(make_data(), pooler="max").eval()
    ids, mask = torch.tensor([[2, 6, 3, 0]]), torch.tensor([[1, 1, 1, 0]])
    state = module.backbone(ids, mask)[-1]
    assert torch.equal(module.embed(ids, mask), state[:, :3].amax(1))


def test_the_rate_rises_over_a_share_of_all_updates_that_is_not_rounded():
    rates = warmup_rates(1.0, 25, 0.1)
    assert rates[:4] == pytest.approx([0, 0.4, 0.8, 1.0]) and len(rates) == 26
    assert warmup_rates(1.0, 25, 0.0).tolist() == [1.0] * 26


@pytest.mark.parametrize(
    "names",
    [
        (
            "cls.predictions.transform.dense",
            "cls.predictions.transform.LayerNorm",
            "cls.predictions",
        ),
        ("lm_head.dense", "lm_head.layer_norm", "lm_head"),
    ],
)
def test_the_head_is_a_checkpoints(names, tmp_path):
    library = pytest.importorskip("safetensors.torch")
    torch.manual_seed(1)
    dense, norm, scores = names
    given, head = WordHead(4, 9, 1e-5), WordHead(4, 9, 1e-5)
    arrays = {f"{dense}.{name}": p for name, p in given.dense.state_dict().items()}
    arrays |= {f"{norm}.{name}": p + 1 for name, p in given.norm.state_dict().items()}
    arrays |= {f"{scores}.bias": given.decoder.bias.detach()}
    library.save_file(arrays, tmp_path / "model.safetensors")
    table = head.decoder.weight.clone()
    fill_head(head, str(tmp_path))
    assert torch.equal(head.dense.weight, given.dense.weight)
    assert torch.equal(head.norm.bias, given.norm.bias + 1)
    assert torch.equal(head.decoder.bias, given.decoder.bias)
    assert torch.equal(head.decoder.weight, table)
    library.save_file({"other": torch.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match=r"model\.safetensors"):
        fill_head(head, str(tmp_path))
