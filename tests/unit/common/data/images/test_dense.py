import numpy as np
import pytest
import torch

from common.data.images.lazy import hold_out
from common.data.images.sets import IGNORED
from common.errors import DataError
from tests.stored import read_images


@pytest.fixture
def camvid(tmp_path, packing):
    """Writes the three files of a small CamVid; ``changed`` replaces arrays of "val"."""

    def make(**changed):
        names = np.array([*map(str, range(11)), "Unlabelled"])
        for split, num in (("train", 3), ("val", 2), ("test", 1)):
            masks = np.arange(num * 24, dtype=np.uint8).reshape(num, 6, 4) % 12
            arrays = {"masks": masks, "class_names": names} | (changed if split == "val" else {})
            packing.write(
                tmp_path / f"camvid_small/{split}.npz", packing.random(num, 6, 4), **arrays
            )
        return tmp_path

    return make


def test_camvid_has_a_class_a_pixel_and_ignores_what_has_none(camvid):
    images = read_images("camvid", camvid())
    assert {split: len(part) for split, part in images.items()} == {
        "train": 3,
        "val": 2,
        "test": 1,
    }
    train = images["train"]
    expected = torch.arange(72).reshape(3, 6, 4) % 12
    expected[expected == 11] = IGNORED
    assert torch.equal(train.label_maps, expected) and train.label_maps.dtype == torch.int64
    assert train.labels.tolist() == [-1] * 3
    assert train.class_names == tuple(map(str, range(11)))


def test_masks_that_do_not_fit_name_file_row_and_mend(camvid):
    wrong = np.zeros((2, 6, 4), np.uint8)
    wrong[1, 2, 2] = 12
    mend = r"; delete it and run `papers data prepare camvid`"
    with pytest.raises(
        DataError, match=r"val\.npz: mask 1 holds class 12; there are 0 to 11" + mend
    ):
        read_images("camvid", camvid(masks=wrong))
    for masks in (wrong[:1], wrong.astype(np.float32), wrong[:, 0]):
        with pytest.raises(DataError, match=r"val\.npz: masks is .*, not 2 maps of numbers" + mend):
            read_images("camvid", camvid(masks=masks))
    with pytest.raises(DataError, match=r"camvid, val: label maps .* \(2, 5, 4\), not \(2, 6, 4\)"):
        read_images("camvid", camvid(masks=np.zeros((2, 5, 4), np.uint8)))


def test_nuclei_keep_instances_and_every_fifth_is_test(tmp_path):
    path = tmp_path / "nuclei256/nuclei256.npz"
    path.parent.mkdir()
    instances = np.zeros((6, 4, 4), np.uint16)
    instances[:, 1, 1], instances[:, 3, 2] = 1, 2
    images = np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4)
    np.savez(path, images=images, instances=instances)
    images = read_images("nuclei", tmp_path)
    assert images["test"].images[:, 0, 0, 0].tolist() == [0, 80]
    train = images["train"]
    assert train.images.shape == (4, 1, 4, 4) and train.class_names == ("background", "nucleus")
    assert train.instance_maps[0].unique().tolist() == [0, 1, 2]
    assert torch.equal(train.label_maps, (train.instance_maps > 0).long())


def test_maps_stay_with_their_images_in_the_hold_out(tmp_path, camvid):
    images = read_images("camvid", camvid())
    del images["val"]
    held = hold_out(images, 0.34)
    assert (len(held["train"]), len(held["val"])) == (2, 1)
    for part in held.values():
        for image, label_map in zip(part.images, part.label_maps, strict=True):
            row = int((images["train"].images == image).flatten(1).all(1).nonzero())
            assert torch.equal(label_map, images["train"].label_maps[row])
