from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from common.data.text.config import TextConfig
from common.data.text.module import TextData
from common.data.text.sets import Texts, TextSet
from common.errors import ConfigError
from common.runs.encoders import _embed_texts
from common.runs.vector_files import as_vectors

WORDS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh")


def texts(count: int, columns: int = 1) -> tuple[list[str], ...]:
    generator = np.random.default_rng(0)
    words = [
        " ".join(generator.choice(list("abcdefgh"), generator.integers(1, 9)))
        for _ in range(count * columns)
    ]
    return tuple(words[place::columns] for place in range(columns))


def build(found: TextSet | None = None, seed: int = 0, **options) -> TextData:
    found = found or TextSet(Texts(texts(40)), vocabulary=WORDS)
    config = TextConfig(**{"batch_size": 8, **options})
    data = TextData(config, seed, read=lambda _: found)
    data.load()
    return data


class Counts(nn.Module):
    """Embeds a text as its number of tokens and its first word."""

    device = torch.device("cpu")

    def __init__(self, positions: int = 64):
        super().__init__()
        self.backbone = nn.Identity()
        self.backbone.num_positions = positions

    def embed(self, ids, mask):
        return torch.stack([mask.sum(1), ids[:, 1]], 1).float()


def test_batches_depend_on_seed_and_epoch_and_go_on_in_mid_epoch():
    loader = build().train_dataloader()
    first = [batch.ids for batch in loader]
    assert len(first) == 5
    assert torch.equal(next(iter(build().train_dataloader())).ids, first[0])
    data = build()
    data.seek(3)
    assert torch.equal(next(iter(data.train_dataloader())).ids, first[3])
    other = next(iter(build(seed=1).train_dataloader())).ids
    assert other.shape != first[0].shape or not torch.equal(other, first[0])


def test_a_batch_holds_all_texts_of_its_samples():
    found = TextSet(Texts(texts(20, 3), np.arange(20) % 4), names=list("wxyz"), vocabulary=WORDS)
    data = build(found)
    batch = next(iter(data.train_dataloader()))
    assert batch.ids.shape[:2] == (8, 3) == batch.mask.shape[:2]
    assert batch.targets.tolist() == (batch.key.rows % 4).tolist()
    assert (data.facts.num_texts, data.facts.num_targets) == (3, 4)


def test_texts_that_stand_apart_are_samples_of_their_own():
    pairs = TextSet(Texts(texts(20, 2), np.linspace(0, 1, 20)), vocabulary=WORDS)
    data = build(pairs, apart=True)
    assert len(data.samples) == 40 and data.facts.num_texts == 1
    assert next(iter(data.train_dataloader())).targets.unique().tolist() == [-1]


def test_buckets_bring_texts_of_like_lengths_together_and_leave_none_out():
    plain, sorted_ = build().train_dataloader(), build(buckets=5).train_dataloader()

    def padding(loader):
        return sum(int((~batch.mask).sum()) for batch in loader)

    assert padding(sorted_) < padding(plain) / 2
    rows = torch.cat([batch.key.rows for batch in sorted_])
    assert rows.sort().values.tolist() == list(range(40))


def test_training_texts_are_cut_and_measured_ones_as_long_as_the_encoder_takes_them():
    data = build(max_length=4)
    assert next(iter(data.train_dataloader())).ids.shape[2] == 4
    found = TextSet(Texts(texts(40)), {"test": Texts((["a b c d e f g"],))}, vocabulary=WORDS)
    inputs = build(found, max_length=4).evaluation_inputs(Counts(), "test")
    assert inputs.embed(inputs.held_out.texts).tolist() == [[9, 4]]
    inputs = build(found).evaluation_inputs(Counts(positions=6), "test")
    assert inputs.embed(inputs.held_out.texts).tolist() == [[6, 4]]


def test_the_fingerprint_tells_what_was_read_and_not_the_seed():
    assert build().fingerprint == build(seed=3).fingerprint
    other = TextSet(Texts(texts(41)), vocabulary=WORDS)
    graded = TextSet(
        Texts(texts(40)), graded={"test": Texts(texts(5, 2), np.ones(5))}, vocabulary=WORDS
    )
    assert len({build().fingerprint, build(other).fingerprint, build(graded).fingerprint}) == 3


def test_a_batch_beyond_the_training_part_is_refused():
    with pytest.raises(ConfigError, match=r"data\.batch_size"):
        build(batch_size=41)


def test_a_file_of_texts_is_embedded_line_by_line(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("b a\nc\n")
    found = build().embed_path(Counts(), path)
    assert found["ids"].tolist() == ["b a", "c"]
    assert found["embeddings"].tolist() == [[4, 5], [3, 6]]


def test_pairs_with_scores_are_measured_by_a_runs_encoder(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("sentence1,sentence2,score\na,a,5\nb a,c,1\nc,b,3\n")
    encode = partial(_embed_texts, SimpleNamespace(data=build()), Counts())
    found = as_vectors(path, None, encode, 0)
    assert found.sentences and found.pairs.scores.tolist() == [5, 1, 3]
    assert found.pairs.first.x.tolist() == [[3, 4], [4, 5], [3, 6]]
