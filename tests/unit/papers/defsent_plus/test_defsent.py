"""DefSent, the predecessor: single words, a frozen head, and the rise of its rate."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.backbones.text_config import EncoderConfig
from common.config.schema import OptimizerConfig
from common.data.text.config import TextConfig
from common.data.text.module import TextData
from common.data.text.sets import Texts, TextSet
from common.errors import ConfigError, DataError
from papers.defsent_plus.config import DefSentConfig
from papers.defsent_plus.defsent import DefSent, WordHead, fill_head, predict_word, warmup_rates
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
