"""An exported encoder of texts is read by ours and by the libraries that others use."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from common.backbones.text_config import EncoderConfig
from common.backbones.text_encoder import TextEncoder, build_text_encoder, pool, read_encoder
from common.cli.export import export_run
from common.data.text.config import TextFacts
from common.data.text.tokenizer import WholeWords, count_words, read_tokenizer, word_pieces
from common.errors import UsageError
from common.export.text import export_sentence_transformer
from common.runs.folder import RunFolder

SMALL = EncoderConfig(dim=16, layers=2, heads=2, feed_forward=32, positions=12)
TEXTS = ["A dog runs.", "the dog, a DOG", "zebra", "a " * 30]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "a", "##s", "run", ".", "the"]


def trained(tokenizer, **options):
    torch.manual_seed(0)
    facts = TextFacts(tokenizer.num_words, max_length=12)
    encoder = build_text_encoder(replace(SMALL, **options), facts).eval()
    for parameter in encoder.parameters():  # nothing is left as it began
        parameter.data += 0.1 * torch.randn_like(parameter)
    return encoder


@torch.no_grad()
def embeddings(encoder, tokenizer, pooler):
    store = tokenizer.encode(TEXTS)
    ids, mask = store.gather(np.arange(len(store)), encoder.num_positions)
    return pool(pooler, encoder(ids, mask), mask).numpy()


def own_words():
    return WholeWords(count_words(TEXTS, 1))


def test_what_is_written_is_read_back(tmp_path):
    pytest.importorskip("safetensors")
    pytest.importorskip("tokenizers")
    tokenizer = own_words()
    encoder = trained(tokenizer, token_types=0)
    folder = export_sentence_transformer(tmp_path / "a" / "out", encoder, tokenizer, "avg")
    again = read_encoder(folder).eval()
    found = embeddings(again, read_tokenizer(folder), "avg")
    np.testing.assert_allclose(found, embeddings(encoder, tokenizer, "avg"), atol=1e-6)
    assert [path.name for path in folder.parent.iterdir()] == ["out"]
    # transformers reports what it lacks as newly initialized, to be trained.
    assert again.pooler.dense.weight.equal(torch.eye(16))


def test_positions_begin_at_the_first_token(tmp_path):
    pytest.importorskip("safetensors")
    pytest.importorskip("tokenizers")
    tokenizer = own_words()
    encoder = TextEncoder(tokenizer.num_words, SMALL, first_position=2).eval()
    folder = export_sentence_transformer(tmp_path / "out", encoder, tokenizer, "avg")
    again = read_encoder(folder).eval()
    assert again.num_positions == encoder.num_positions == 10
    found = embeddings(again, tokenizer, "avg")
    np.testing.assert_allclose(found, embeddings(encoder, tokenizer, "avg"), atol=1e-6)


def test_a_pooler_that_others_do_not_have_and_a_full_folder_are_refused(tmp_path, monkeypatch):
    tokenizer = own_words()
    encoder = trained(tokenizer)
    with pytest.raises(UsageError, match=r"method\.pooler=avg_top2"):
        export_sentence_transformer(tmp_path / "out", encoder, tokenizer, "avg_top2")
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(UsageError, match="new folder"):
        export_sentence_transformer(tmp_path, encoder, tokenizer, "avg")
    assert (tmp_path / "mine.txt").read_text() == "kept"
    monkeypatch.setattr("common.cli.export.open_run", RunFolder)  # which holds nothing to load
    with pytest.raises(UsageError, match="new folder"):
        export_run(tmp_path, tmp_path, "sentence-transformers", False, Console(quiet=True))


@pytest.mark.slow
@pytest.mark.parametrize("pooler", ["avg", "cls"])
@pytest.mark.parametrize("words", ["whole", "pieces"])
def test_sentence_transformers_gives_the_same_vectors(tmp_path, pooler, words):
    library = pytest.importorskip("sentence_transformers")
    tokenizer = own_words() if words == "whole" else word_pieces(PIECES)
    encoder = trained(tokenizer, token_types=0 if words == "whole" else 2)
    folder = export_sentence_transformer(tmp_path / "out", encoder, tokenizer, pooler)
    theirs = library.SentenceTransformer(str(folder), device="cpu")
    found = theirs.encode(TEXTS, convert_to_numpy=True)
    assert np.abs(found - embeddings(encoder, tokenizer, pooler)).max() < 1e-6
    transformers = pytest.importorskip("transformers")
    _, told = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not any(told.values()), "nothing that reads like damage"
    assert json.loads((folder / "modules.json").read_text())[1]["path"] == "1_Pooling"
