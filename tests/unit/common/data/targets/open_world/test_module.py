"""Batches of labelled and unlabelled rows, their order, their one view, and what is refused."""

from functools import partial

import pytest
import torch
from PIL import Image

from common.config.recipe import load_recipe
from common.data.sampler import BatchKey, EpochBatchSampler
from common.data.targets.open_world.batch import OpenWorldBatch, make_view
from common.data.targets.open_world.config import OpenWorldConfig
from common.data.targets.open_world.module import (
    OpenWorldData,
    SplitBatches,
    alternating_order,
    balanced_draws,
)
from common.data.targets.open_world.samples import (
    LABELLED,
    UNLABELLED,
    OpenWorldSet,
    Part,
    check_parts,
    with_labels,
)
from common.errors import ConfigError, DataError

LABELS = torch.tensor([0] * 6 + [1] * 3 + [0, 1] + [2] * 9)
TAGS = torch.tensor([LABELLED] * 9 + [UNLABELLED] * 11)
IMAGES = torch.randint(0, 256, (20, 3, 8, 8), generator=torch.Generator().manual_seed(0))
PART = Part(IMAGES.to(torch.uint8), LABELS, TAGS)


def generator():
    return torch.Generator().manual_seed(3)


def make_set(labels, tags):
    part = Part(IMAGES[: len(labels)], torch.tensor(labels), torch.tensor(tags))
    return OpenWorldSet(part, part, ("a", "b", "c"), 2, "x", 8)


def test_rows_alternate_and_known_classes_are_even():
    order = alternating_order(LABELS, TAGS == LABELLED, generator())
    assert len(order) == 20
    assert (TAGS[order[::2]] == UNLABELLED).all() and (TAGS[order[1::2]] == LABELLED).all()
    assert torch.bincount(LABELS[order[1::2]]).tolist() == [5, 5]
    assert len(set(order[::2].tolist())) == 10, "no unlabelled row twice before all were drawn"


def test_each_round_has_every_class_once():
    rows = torch.arange(9)
    drawn = balanced_draws(rows, LABELS[:9], 12, generator())
    assert (LABELS[drawn].view(6, 2).sort(dim=1).values == torch.tensor([0, 1])).all()
    small = drawn[LABELS[drawn] == 1]
    assert sorted(small[:3].tolist()) == sorted(small[3:].tolist()) == [6, 7, 8]


def test_without_unlabelled_rows_all_draws_are_labelled():
    order = alternating_order(LABELS, torch.ones(20, dtype=torch.bool), generator())
    assert torch.bincount(LABELS[order], minlength=3).tolist() in ([7, 7, 6], [7, 6, 7], [6, 7, 7])


def test_a_batch_has_its_labelled_rows_first():
    data = SplitBatches(PART)
    rows = torch.tensor([12, 0, 9, 7])
    batch = data[BatchKey(rows, 0, 0, 0, 4)]
    assert batch.labels.tolist() == [0, 1] and batch.places.tolist() == [3, 0]
    assert batch.order.tolist() == [1, 3, 0, 2] and batch.num_labelled == 2
    assert torch.equal(batch.images, PART.images[rows[batch.order]])


def test_two_processes_share_each_half():
    order = partial(alternating_order, LABELS, TAGS == LABELLED)
    whole = list(EpochBatchSampler(20, 8, 1, order=order))
    data = SplitBatches(PART)
    for rank in (0, 1):
        keys = EpochBatchSampler(20, 8, 1, rank, 2, order=order)
        for key, all_rows in zip(keys, whole, strict=True):
            mine, everyone = data[key], data[all_rows]
            half = slice(2 * rank, 2 * rank + 2)
            assert torch.equal(mine.labels, everyone.labels[half])
            assert torch.equal(mine.places, everyone.places[half])


CHANGES = {"flip": 0.5, "crop": 0.5, "recolour": 0.5}


def view_of(key, order, **options):
    config = OpenWorldConfig(**{"flip": 0.0, **options})
    images = PART.images[:8][key.offset : key.offset + len(order)][order]
    batch = OpenWorldBatch(images, torch.zeros(4), torch.zeros(4), order, key)
    return make_view(batch, config, 5).images


def test_views_are_a_function_of_the_place_in_the_global_batch():
    rows = torch.arange(8)
    whole = view_of(BatchKey(rows, 2, 1, 0, 8), rows, **CHANGES)
    turned = torch.tensor([3, 0, 1, 2])
    part = view_of(BatchKey(rows[4:], 2, 1, 4, 8), turned, **CHANGES)
    torch.testing.assert_close(part, whole[4:][turned])
    later = view_of(BatchKey(rows, 3, 1, 0, 8), rows, **CHANGES)
    assert not torch.equal(later, whole)


def test_each_change_can_be_alone():
    key, rows = BatchKey(torch.arange(8), 0, 0, 0, 8), torch.arange(8)
    plain = PART.images[:8].float() / 255
    torch.testing.assert_close(view_of(key, rows), plain)
    torch.testing.assert_close(view_of(key, rows, flip=1.0), plain.flip(3))
    torch.testing.assert_close(view_of(key, rows, crop=1.0, crop_area=[1.0, 1.0]), plain)
    cut = view_of(key, rows, crop=1.0)
    assert cut.shape == plain.shape and not torch.allclose(cut, plain)
    dark = view_of(key, rows, recolour=1.0, contrast=0.0)
    shifts = (dark - plain).flatten(1)
    assert dark.min() >= 0 and dark.max() <= 1 and shifts.abs().max() <= 0.2 + 1e-6
    scaled = view_of(key, rows, mean=[0.5] * 3, std=[0.5] * 3)
    torch.testing.assert_close(scaled, plain * 2 - 1)


def test_what_an_arm_may_see():
    only, every = with_labels(PART, "labelled-only"), with_labels(PART, "all")
    assert (only.tags == LABELLED).all() and only.labels.tolist() == [0] * 6 + [1] * 3
    assert torch.equal(only.images[torch.tensor([8, 0])], PART.images[[8, 0]])
    assert (every.tags == LABELLED).all() and torch.equal(every.labels, LABELS)
    assert with_labels(PART, "as-tagged") is PART


def test_unlabelled_images_alone_are_refused():
    with pytest.raises(DataError, match="no training image is labelled"):
        check_parts("own", make_set([0, 1, 2], [2, 2, 2]))


def test_a_novel_class_among_the_known_ones_is_refused():
    with pytest.raises(DataError, match=r"class b \(label 1\)"):
        check_parts("own", make_set([0, 1, 2], [1, 2, 1]))
    check_parts("own", make_set([0, 1, 2], [1, 1, 2]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.batch_size=33"], r"data\.batch_size=33"),
        (["data.name=ow-dfa"], r"data\.path"),
        (["data.path=x.csv"], r"data\.path"),
        (["data.mean=[0.5]"], "differ in length"),
        (["data.crop_area=[1.0,0.5]"], "low, high"),
        (["data.labels=all"], "CPL.*baseline=classifier"),
        (["data.labels=all", "baseline=orca"], "orca learns from unlabelled"),
        (["data.size=32"], r"data\.size.*data\.name=ow-dfa"),
        (["data.name=ow-dfa", "data.path=x.csv", "data.preset=small"], r"data\.preset"),
        (["method.pretrain_epochs=10"], "pretrain_epochs=10.*trainer.epochs=10.*10"),
        (["method.pretrain_epochs=4", "method.relabel_epochs=6"], "relabel_epochs=6"),
        (["baseline=orca", "method.margin=0.2"], r"method\.uncertainty_weight"),
        (["data.batch_size=2"], "4 or up"),
        (["evaluation.also_best=true"], r"evaluation\.monitor"),
        (["evaluation.monitor=test/all_nmi"], r"evaluation\.online"),
    ],
)
def test_recipes_that_cannot_be_run_are_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe("owdfa_cpl/quick", words)


class MeanColour(torch.nn.Module):
    """Embeds an image by its mean colour; its heads are the channels."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def embed(self, images):
        return images.mean(dim=(2, 3)) * self.weight

    predict = embed


def test_embedded_images_are_named_by_their_path(tmp_path):
    for number, name in enumerate(("b/one.png", "a.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        colour = tuple(255 * (channel == number) for channel in range(3))
        Image.new("RGB", (9, 12), colour).save(tmp_path / name)
    (tmp_path / "._a.png").write_bytes(b"what a Mac leaves")
    (tmp_path / "folder.png").mkdir()
    whole = OpenWorldSet(PART, PART, ("a", "b", "c"), 2, "x", 8)
    data = OpenWorldData(OpenWorldConfig(), 0, read=lambda config: whole)
    found = data.embed_path(MeanColour(), tmp_path)
    assert found["ids"].tolist() == ["a.png", "b/one.png"]
    assert found["heads"].tolist() == [1, 0] and found["embeddings"].shape == (2, 3)
    assert data.embed_path(MeanColour(), tmp_path / "b/one.png")["ids"].tolist() == ["one.png"]
