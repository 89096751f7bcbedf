from dataclasses import replace

import pytest
import torch

from common.data.images.lazy import hold_out
from common.data.images.readers.digits import scattered_digits
from common.data.images.sets import Split, check_set, fingerprint
from common.errors import DataError


@pytest.fixture(scope="module")
def digits():
    return scattered_digits()


def test_digits_have_the_counts_and_range_of_the_specification(digits):
    assert digits["train"].images.shape == (5188, 1, 20, 20)
    assert digits["test"].images.shape == (1000, 1, 20, 20)
    assert digits["train"].labels.unique().tolist() == list(range(10))
    shared = set(digits["train"].groups.tolist()) & set(digits["test"].groups.tolist())
    assert len(digits["train"].groups.unique()) == 1297 and not shared


def test_digits_are_the_same_each_time(digits):
    again = scattered_digits()
    assert fingerprint(again) == fingerprint(digits)
    other = {**digits, "train": digits["train"].rows(torch.arange(5187))}
    assert fingerprint(other) != fingerprint(digits)
    pixels = digits["train"].images.clone()
    pixels[-1, -1, -1, -1] ^= 1
    other = {**digits, "train": replace(digits["train"], images=pixels)}
    assert fingerprint(other) != fingerprint(digits)


def test_digits_lie_wholly_inside(digits):
    # The 8 x 8 digits have ink at their own border, the canvas hardly any.
    ink = digits["train"].images[:, 0] > 100
    border = torch.cat([ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]], 1)
    assert ink.float().mean() > 0.08 and border.float().mean() < 0.02


def test_hold_out_keeps_groups_together_and_is_fixed(digits):
    held = hold_out(digits, 0.1)
    assert len(held["val"]) == 520 and len(held["train"]) == 4668
    assert not set(held["val"].groups.tolist()) & set(held["train"].groups.tolist())
    assert torch.equal(held["val"].images, hold_out(digits, 0.1)["val"].images)
    assert hold_out(digits, 0.0) is digits
    own = {**digits, "val": digits["test"]}
    assert hold_out(own, 0.1) is own


def split(images, labels=None):
    return {"train": Split(images, torch.zeros(len(images)) if labels is None else labels)}


def test_broken_images_are_named():
    images = torch.rand(5, 1, 4, 4)
    check_set("mine", split(images))
    images[3, 0, 1, 1] = float("nan")
    with pytest.raises(DataError, match="mine, train: image 3 holds NaN"):
        check_set("mine", split(images))
    with pytest.raises(DataError, match=r"image 0 .* leaves 0..1"):
        check_set("mine", split(torch.full((1, 1, 2, 2), 255.0)))
    with pytest.raises(DataError, match=r"shape \(5, 4\)"):
        check_set("mine", split(torch.rand(5, 4)))
    with pytest.raises(DataError, match="5 images, 4 labels"):
        check_set("mine", split(torch.rand(5, 1, 4, 4), torch.zeros(4)))


def dense(maps):
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    return Split(images, torch.tensor([-1, -1]), label_maps=maps, groups=torch.arange(2))


def test_dense_labels_are_part_of_what_a_record_calls_its_data():
    maps = torch.zeros(2, 4, 4, dtype=torch.int64)
    assert fingerprint({"train": dense(maps)}) == fingerprint({"train": dense(maps.clone())})
    assert fingerprint({"train": dense(maps)}) != fingerprint({"train": dense(maps + 1)})
    assert fingerprint({"train": dense(maps)}) != fingerprint({"train": dense(None)})


def test_dense_labels_that_do_not_fit_are_refused():
    check_set("mine", {"train": dense(torch.full((2, 4, 4), -1))})
    with pytest.raises(DataError, match="mine, train: label maps hold other than whole numbers"):
        check_set("mine", {"train": dense(torch.full((2, 4, 4), -2))})
    with pytest.raises(DataError, match="whole numbers from -1 up"):
        check_set("mine", {"train": dense(torch.zeros(2, 4, 4))})
    with pytest.raises(DataError, match=r"shape \(1, 4, 4\), not \(2, 4, 4\)"):
        check_set("mine", {"train": dense(torch.zeros(1, 4, 4, dtype=torch.int64))})


def test_what_only_one_of_two_merged_splits_has_is_left_out():
    maps = torch.arange(32).reshape(2, 4, 4)
    merged = dense(maps).joined(dense(maps + 1))
    assert torch.equal(merged.label_maps, torch.cat([maps, maps + 1])) and len(merged) == 4
    assert merged.groups is None and dense(maps).joined(dense(None)).label_maps is None
