import numpy as np
import pytest
import torch

from common.data.images import evaluation
from common.data.images.config import ImageConfig
from common.data.images.evaluation import ObjectImages, from_instances
from common.data.images.readers.dense import BCCD_FILE, bccd
from common.data.images.sets import NO_BOX, Split, fingerprint, padded
from common.errors import ConfigError, DataError
from tests.stored import stored

BOXES = [[0, 0, 2, 3], [1, 1, 8, 6], [3, 3, 3, 3], [4, 0.5, 6, 2]]


@pytest.fixture
def write(tmp_path, packing):
    """Writes three images (6 x 8) with four boxes, of which the third has no area."""

    def make(**changed):
        arrays = {
            "split": np.array(["val", "train", "train"]),
            "box_image": np.array([0, 1, 1, 1], np.int32),
            "box_class": np.array([0, 1, 1, 0], np.int8),
            "box_xyxy": np.array(BOXES, np.float32),
            "class_names": np.array(["RBC", "WBC"]),
        }
        packing.write(tmp_path / BCCD_FILE, packing.random(3, 6, 8), **(arrays | changed))
        return str(tmp_path)

    return make


def test_each_image_has_its_boxes(write):
    found = bccd(write())
    assert {split: len(part) for split, part in found.items()} == {"train": 2, "val": 1, "test": 0}
    train = found["train"]
    assert train.images.shape == (2, 3, 6, 8) and train.class_names == ("RBC", "WBC")
    images = ObjectImages(train, ImageConfig(name="bccd"))
    image, objects = images[0]
    assert image.shape == (3, 6, 8) and images.num_classes == 2
    assert torch.equal((image * 255).round().to(torch.uint8), train.images[0])
    assert objects.boxes.tolist() == [BOXES[1], BOXES[3]] and objects.classes.tolist() == [1, 0]
    assert objects.trained.all() and objects.tested.all() and objects.masks is None
    assert images[1][1].boxes.shape == (0, 4) and images[1][1].classes.shape == (0,)
    val = ObjectImages(found["val"], ImageConfig(name="bccd"))
    assert val[0][1].boxes.tolist() == [BOXES[0]]


def test_boxes_are_part_of_the_data(write):
    before, after = bccd(write()), bccd(write(box_class=np.array([1, 1, 1, 0], np.int8)))
    for found in (before, after):
        del found["test"]  # without images
    assert fingerprint(before) != fingerprint(after)


def test_instances_become_boxes_around_their_pixels():
    maps = torch.zeros(4, 6, dtype=torch.int32)
    maps[1:3, 2:5], maps[3, 0] = 7, 2
    objects = from_instances(maps)
    assert objects.boxes.tolist() == [[0, 3, 1, 4], [2, 1, 5, 3]]
    assert objects.masks is not None and torch.equal(objects.masks[1], maps == 7)
    assert from_instances(torch.zeros_like(maps)).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("extra", "masks", "message"),
    [
        ({}, False, "detection: camvid has no objects"),
        ({"boxes": padded([torch.ones(1, 5), torch.ones(0, 5)])}, True, "have boxes only"),
    ],
)
def test_a_set_without_what_is_asked_for_is_refused(extra, masks, message):
    split = Split(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.full((2,), -1), **extra)
    with pytest.raises(DataError, match=message):
        ObjectImages(split, ImageConfig(name="camvid")).check(masks)


def test_a_missing_library_is_named_before_anything_runs(monkeypatch):
    monkeypatch.setattr(evaluation, "find_spec", lambda name: None)
    boxes = padded([torch.ones(1, 5)])
    split = Split(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.full((1,), -1), boxes=boxes)
    with pytest.raises(ConfigError, match="detection"):
        ObjectImages(split, ImageConfig(name="bccd")).check(False)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"box_image": np.array([0, 1, 3, 1])}, "box 2 is none of an image of 8x6: image 3"),
        ({"box_class": np.array([0, 2, 1, 0])}, "box 1 is none .* class 2"),
        ({"box_xyxy": np.add(BOXES, [0, 0, 0, 3.5])}, r"box 0 is none .*6\.5\]"),
        ({"box_xyxy": np.array(BOXES)[:3]}, "boxes do not fit together"),
        ({"split": np.array(["val"])}, "holds 3 images and 1 splits"),
    ],
)
def test_boxes_that_do_not_fit_are_named(write, changed, message):
    with pytest.raises(DataError, match=rf"bccd\.npz: {message}.*; .*data prepare bccd`"):
        bccd(write(**changed))


def test_the_real_set_has_the_known_counts():
    stored("bccd")
    found = bccd()
    assert [len(part) for part in found.values()] == [205, 87, 72]
    kinds = torch.cat([part.boxes[..., 4].flatten() for part in found.values()])
    # As published: 4155, 372 and 361, less the two without area.
    assert int((kinds != NO_BOX).sum()) == 4886 and int((kinds == 1).sum()) == 372
