import io

import numpy as np
import pytest
import torch
from PIL import Image

from common.data.images.readers.packed import Packed
from common.errors import DataError

NAMES = ("jpeg", "offsets", "labels")


@pytest.fixture
def packed(tmp_path, packing):
    """Packs images and opens the file."""

    def make(images, name="a.npz"):
        packing.write(tmp_path / name, images, labels=np.arange(len(images), dtype=np.uint8))
        return Packed(str(tmp_path), name, *NAMES)

    return make


def test_images_come_back_channel_first(packed, packing):
    images = packing.random(3)
    file = packed(images)
    split = file.split(file.decoded(), file["labels"])
    assert torch.equal(split.images, torch.from_numpy(images.transpose(0, 3, 1, 2)))
    assert split.labels.tolist() == [0, 1, 2] and split.labels.dtype == torch.int64


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_pixels_are_pillows(packed, packing, subsampling, grey):
    image = packing.random(1, 31)[0, :, :, 0] if grey else packing.random(1, 31)[0]
    coded = packing.encode(image, "JPEG", quality=75, subsampling=subsampling)
    expected = np.asarray(Image.open(io.BytesIO(coded)).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(packed([coded]).decoded()[0], expected)


def test_the_square_is_cut_at_the_centre(packed, packing):
    images = packing.random(2, 9)
    squares = packed([images[0][:5], images[1][:, 2:]]).decoded(square=5)
    wide, high = (torch.from_numpy(image.transpose(2, 0, 1)) for image in images)
    assert torch.equal(squares[0], wide[:, :5, 2:7])
    assert torch.equal(squares[1], high[:, 2:7, 3:8])
    with pytest.raises(DataError, match="image 1 is 4x9, smaller than 5x5"):
        packed([images[0], images[1][:4]]).decoded(square=5)


def test_a_broken_image_is_named(packed, packing):
    images = list(packing.random(3))
    with pytest.raises(DataError, match=r"b\.npz.*1"):
        packed([images[0], b"not an image", images[2]], name="b.npz").decoded()
    torn = packing.encode(packing.random(1, 64)[0], "JPEG")
    with pytest.raises(DataError, match="image 0 cannot be decoded: Image is incomplete"):
        packed([torn[: len(torn) // 2]]).decoded()
    with pytest.raises(DataError, match=r"image 2 is \(3, 4, 4\), not \(3, 8, 8\)"):
        packed([*images[:2], images[2][:4, :4]]).decoded()
    with pytest.raises(DataError, match="holds no image"):
        packed([]).decoded()


def test_a_broken_file_says_how_to_get_a_good_one(tmp_path, packing):
    relative = "cifar10_jpeg/train.npz"
    packing.write(tmp_path / relative, packing.random(3), labels=np.zeros(2, np.uint8))
    file = Packed(str(tmp_path), relative, *NAMES)
    with pytest.raises(DataError, match=r"3.*2.*cifar10-jpeg`"):
        file.split(file.decoded(), file["labels"])
    whole = (tmp_path / relative).read_bytes()
    (tmp_path / relative).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train\.npz"):
        Packed(str(tmp_path), relative, *NAMES)
    packing.write(tmp_path / relative, packing.random(1))
    with pytest.raises(DataError, match="is_test"):
        Packed(str(tmp_path), relative, "is_test")


@pytest.mark.parametrize("offsets", [[0, 5, 3], [0, 4, 99], [-1, 2, 4]])
def test_offsets_outside_the_bytes_are_refused(tmp_path, offsets):
    np.savez(tmp_path / "a.npz", jpeg=np.zeros(9, np.uint8), offsets=np.array(offsets))
    with pytest.raises(DataError, match="offsets do not fit 9 bytes"):
        Packed(str(tmp_path), "a.npz", "jpeg", "offsets").decoded()


def test_plain_images_get_a_channel(tmp_path):
    arrays = {"grey": np.ones((2, 4, 3), np.uint8), "colour": np.ones((2, 3, 4, 3), np.uint8)}
    np.savez(tmp_path / "a.npz", **arrays, real=np.ones((2, 4, 3)), flat=np.ones((2, 4), np.uint8))
    file = Packed(str(tmp_path), "a.npz", "grey", "colour", "real", "flat")
    assert file.plain("grey").shape == (2, 1, 4, 3) and file.plain("colour").shape == (2, 3, 4, 3)
    for name in ("real", "flat"):
        with pytest.raises(DataError, match=f"{name} is .* not images of bytes"):
            file.plain(name)
