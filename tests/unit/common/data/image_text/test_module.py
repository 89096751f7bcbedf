"""Batches of images with texts: what is in them, and what decides each draw."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from common.data.image_text.batch import PairBatch, as_pair_batch, up_to_first
from common.data.image_text.config import FALSE_KINDS, ImageTextConfig, TextViewConfig
from common.data.image_text.module import ImageTextData
from common.data.image_text.readers.relations import relations
from common.data.image_text.readers.shuffles import SHUFFLES
from common.data.image_text.samples import near_by_pixels
from common.data.image_text.sets import Captioned, CaptionedSet, Variants, keep_images_apart
from common.data.images.config import ViewConfig
from common.data.images.sets import Split
from common.data.sampler import BatchKey
from common.errors import ConfigError, DataError

ALL = {
    "num_strong": 2,
    "hard_captions": ["swap_colours", "invert"],
    "hard_images": 2,
    "strong_text": TextViewConfig(paraphrase=0.5, deletion=0.4),
}


def build(seed: int = 0, **options) -> ImageTextData:
    config = ImageTextConfig(**{"train_rows": 60, "batch_size": 8, **options})
    data = ImageTextData(config, seed)
    data.load()
    return data


def batch_of(data: ImageTextData, key: BatchKey) -> PairBatch:
    return data.on_after_batch_transfer(data.samples[key], 0)


def words(data: ImageTextData, ids: torch.Tensor) -> str:
    names = list(data.tokenizer.places)
    return " ".join(names[place] for place in ids.tolist() if place > 1)


def test_a_batch_holds_images_their_captions_near_images_and_hard_captions():
    data = build(**ALL)
    batch = next(iter(data.train_dataloader()))
    made = data.on_after_batch_transfer(batch, 0)
    rows = made.key.rows
    assert made.images.shape == (16, 3, 3, 32, 32) and made.ids.shape[:2] == (16, 3)
    assert made.extra_ids is not None and len(made.extra_ids) == 16
    assert (made.mask == up_to_first(made.ids, 1)).all()
    train = data.set.train
    for place, row in enumerate(rows.tolist()):
        assert words(data, made.ids[place, 0]) == train.captions[row]
        false = {train.kinds[kind].texts[row] for kind in ALL["hard_captions"]}
        assert words(data, made.extra_ids[place]) in false
        near = [train.captions[other] for other in data.samples.near[row]]
        assert words(data, made.ids[8 + place, 0]) in near


def test_the_weak_view_is_the_image_and_a_strong_one_is_not():
    data = build(num_strong=1)
    made = batch_of(data, BatchKey(torch.arange(8), 0, 0, 0, 8))
    whole = data.set.train.images.images[:8].float() / 255 * 2 - 1
    assert torch.allclose(made.images[:, 0], whole, atol=1e-6)
    assert not torch.allclose(made.images[:, 1], whole, atol=0.1)


def test_all_draws_depend_on_seed_epoch_and_batch_alone():
    data, key = build(**ALL), BatchKey(torch.arange(8), 1, 2, 0, 8)
    first, again = batch_of(data, key), batch_of(build(**ALL), key)
    for one, other in zip(first[:5], again[:5], strict=True):
        assert torch.equal(one, other)
    for changed in (key._replace(epoch=2), key._replace(batch=3)):
        other = batch_of(data, changed)
        assert not torch.equal(first.images, other.images)
        assert first.extra_ids.shape != other.extra_ids.shape or not torch.equal(
            first.extra_ids, other.extra_ids
        )


def test_two_processes_have_the_draws_of_one():
    data = build(**ALL)
    whole = batch_of(data, BatchKey(torch.arange(8), 0, 1, 0, 8))
    halves = [
        batch_of(data, BatchKey(torch.arange(start, start + 4), 0, 1, start, 8)) for start in (0, 4)
    ]
    # Of each: four rows, then their near images.
    order = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    for rows, half in zip(order, halves, strict=True):
        assert torch.equal(half.images, whole.images[rows])
        width = half.ids.shape[2]
        assert torch.equal(half.ids, whole.ids[rows][..., :width])
        assert torch.equal(half.extra_ids, whole.extra_ids[rows][:, : half.extra_ids.shape[1]])


def test_each_caption_of_an_image_and_each_false_one_is_drawn():
    images = Split(torch.rand(4, 3, 32, 32), torch.zeros(4))
    captions, owner = [f"t{n}" for n in range(10)], np.array([0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
    false = Variants([f"f{n}" for n in range(20)], np.repeat(np.arange(10), 2))
    part = Captioned(images, captions, owner, {"listed": false}, lines=["file, line 2"] * 10)
    found = CaptionedSet(part, {"test": part}, vocabulary=[*captions, *false.texts])
    config = ImageTextConfig(
        name="caption-table", path="x.csv", batch_size=4, hard_captions=["listed"], num_strong=1
    )
    data = ImageTextData(config, 0, read=lambda _: found)
    data.load()
    seen, hard = set(), set()
    for epoch in range(40):
        made = batch_of(data, BatchKey(torch.arange(4), epoch, 0, 0, 4))
        pairs = [words(data, ids) for ids in made.ids[:, 0]]
        assert pairs == [words(data, ids) for ids in made.ids[:, 1]]
        assert [owner[captions.index(text)] for text in pairs] == [0, 1, 2, 3]
        extra = [words(data, ids) for ids in made.extra_ids]
        assert all(
            f[1:] in (str(2 * int(t[1:])), str(2 * int(t[1:]) + 1))
            for t, f in zip(pairs, extra, strict=True)
        )
        seen, hard = seen | set(pairs), hard | set(extra)
    assert seen == set(captions) and hard == set(false.texts)
    lacking = replace(part, kinds={"listed": Variants(["f0"], np.array([0]))})
    data = ImageTextData(config, 0, read=lambda _: replace(found, train=lacking))
    with pytest.raises(DataError, match=r"^file, line 2: "):
        data.load()


def test_captions_that_many_images_have_are_warned_of():
    assert build().warnings == []
    found = relations(ImageTextConfig(train_rows=20))
    train = replace(found.train, captions=["a thing"] * 5 + found.train.captions[5:])
    data = ImageTextData(ImageTextConfig(batch_size=4), 0, lambda _: replace(found, train=train))
    (said,) = data.warnings
    assert said.startswith("5 of 20 ")


def test_training_goes_on_in_mid_epoch():
    batches = [batch.ids for batch in build().train_dataloader()]
    data = build()
    data.seek(4)
    assert torch.equal(next(iter(data.train_dataloader())).ids, batches[4])


def test_near_images_are_the_nearest_others_by_pixels():
    images = torch.tensor([0.0, 10.0, 1.0, 12.0, 3.0])[:, None, None, None]
    assert near_by_pixels(images, 2).tolist() == [[2, 4], [3, 4], [0, 4], [1, 4], [2, 0]]


def test_parts_keep_all_captions_of_an_image_and_number_near_images_anew():
    images = Split(torch.arange(20.0)[:, None, None, None].expand(20, 3, 2, 2), torch.zeros(20))
    owner = np.repeat(np.arange(20), 2)
    near = np.stack([(np.arange(20) + 1) % 20, (np.arange(20) + 2) % 20], 1)
    whole = Captioned(images, [f"{n}" for n in range(40)], owner, near=near, labels=np.arange(20))
    parts = keep_images_apart({"train": whole}, 0.2)
    assert {name: len(part) for name, part in parts.items()} == {"val": 4, "test": 4, "train": 12}
    for part in parts.values():
        numbers = part.images.images[:, 0, 0, 0].long().numpy()
        assert (part.labels == numbers).all()
        assert [int(text) // 2 for text in part.captions] == numbers[part.owner].tolist()
        assert part.near.max() < len(part)
        wanted = near[numbers]
        there = np.isin(wanted, numbers)
        assert (numbers[part.near][there] == wanted[there]).all()
    assert sorted(text for part in parts.values() for text in part.captions) == sorted(
        whole.captions
    )


def test_protocols_get_choices_classes_and_training_pairs():
    data = build()
    inputs = data.evaluation_inputs(None, "test")
    assert set(inputs.choices) == {*FALSE_KINDS, "para", *SHUFFLES}
    assert len(inputs.images) == len(inputs.captions) == 600 and len(inputs.train.images) == 60
    assert torch.cat([*inputs.images.whole(torch.device("cpu"))]).shape == (600, 3, 32, 32)
    assert data.references("test")["nearest"].image_vectors().shape[0] == 600


def test_plain_batches_are_taken_and_others_refused():
    images, ids = torch.rand(2, 3, 8, 8), torch.tensor([[5, 1, 1, 0], [5, 6, 7, 1]])
    made = as_pair_batch((images, ids), eot=1)
    assert made.images.shape == (2, 1, 3, 8, 8)
    assert made.mask[:, 0].sum(1).tolist() == [2, 4]
    given = as_pair_batch([images, ids, torch.ones(2, 4)], eot=1)
    assert given.mask.all() and as_pair_batch(given, eot=1) is given
    for wrong in (images, (images, ids[:1]), (ids, images), (images, ids, ids, ids)):
        with pytest.raises(DataError):
            as_pair_batch(wrong, eot=1)


def test_settings_that_contradict_each_other_are_refused():
    for options, key in (
        ({"path": "x.csv"}, "data.path"),
        ({"name": "caption-table"}, "data.path"),
        ({"hard_captions": ["listed"]}, "data.hard_captions"),
        ({"weak": ViewConfig(count=2)}, "data.weak"),
        ({"strong": ViewConfig(size=64)}, "data.strong"),
        ({"mean": []}, "data.mean"),
    ):
        with pytest.raises(ConfigError, match=f"^{key}"):
            ImageTextConfig(**options)
    with pytest.raises(ConfigError, match=r"^data\.batch_size=64"):
        build(batch_size=64)
    with pytest.raises(ConfigError, match=r"^data\.mean: 1 values"):
        build(mean=[0.5], std=[0.5])


def test_the_data_hash_covers_images_and_every_kind_of_caption():
    found = relations(ImageTextConfig(train_rows=20))

    def digest(changed: CaptionedSet) -> str:
        data = ImageTextData(ImageTextConfig(batch_size=4), 0, read=lambda _: changed)
        data.load()
        return data.fingerprint

    train = found.train
    darker = Split(train.images.images // 2, train.images.labels)
    others = [
        replace(train, images=darker),
        replace(train, captions=[*train.captions[1:], "a red ring"]),
        replace(train, kinds={}),
    ]
    hashes = {digest(replace(found, train=each)) for each in (train, *others)}
    assert len(hashes) == 4
    assert digest(found) == digest(relations(ImageTextConfig(train_rows=20)))
