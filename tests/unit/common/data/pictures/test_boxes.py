import os
from pathlib import Path

import numpy as np
import pytest

from common.data.pictures.boxes import BCCD_FILE, bccd
from common.data.root import VARIABLE
from common.data.sources import get_source
from common.errors import DataError

BOXES = [[0, 0, 2, 3], [1, 1, 8, 6], [3, 3, 3, 3], [4, 0.5, 6, 2]]


@pytest.fixture
def write(tmp_path, packing):
    """Writes three pictures (6 x 8) with four boxes, of which the third has no area."""

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


def test_each_picture_has_its_boxes(write):
    found = bccd(write())
    assert {split: len(part) for split, part in found.items()} == {"train": 2, "val": 1, "test": 0}
    train = found["train"]
    assert train.pictures.shape == (2, 3, 6, 8) and train.class_names == ("RBC", "WBC")
    assert train.boxes[0].tolist() == [BOXES[1], BOXES[3]] and train.classes[0].tolist() == [1, 0]
    assert train.boxes[1].shape == (0, 4) and train.classes[1].shape == (0,)
    assert found["val"].boxes[0].tolist() == [BOXES[0]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"box_image": np.array([0, 1, 3, 1])}, "box 2 is none of a picture of 8x6: picture 3"),
        ({"box_class": np.array([0, 2, 1, 0])}, "box 1 is none .* class 2"),
        ({"box_xyxy": np.add(BOXES, [0, 0, 0, 3.5])}, r"box 0 is none .*6\.5\]"),
        ({"box_xyxy": np.array(BOXES)[:3]}, "boxes do not fit together"),
        ({"split": np.array(["val"])}, "holds 3 pictures and 1 splits"),
    ],
)
def test_boxes_that_do_not_fit_are_named(write, changed, message):
    with pytest.raises(DataError, match=rf"bccd\.npz: {message}.*; .*data prepare bccd`"):
        bccd(write(**changed))


def test_the_real_set_has_the_known_counts():
    if VARIABLE not in os.environ or get_source("bccd").missing(Path(os.environ[VARIABLE])):
        pytest.skip(f"{VARIABLE} does not hold bccd")
    found = bccd()
    assert [len(part) for part in found.values()] == [205, 87, 72]
    classes = np.concatenate([kind for part in found.values() for kind in part.classes])
    # As published: 4155, 372 and 361, less the two without area.
    assert np.bincount(classes).sum() == 4886 and np.bincount(classes)[1] == 372
