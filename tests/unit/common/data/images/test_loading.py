import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from common.data.images.config import ViewConfig
from common.data.images.lazy import LazySplit
from common.data.images.loading import CentreCrop, RandomView, image_batches
from common.data.images.sets import Split
from common.errors import DataError

SIZES = [(40, 60), (61, 37), (33, 33), (50, 44), (36, 90)]


class Encoded:
    """PNG files in memory."""

    upright = True

    def __init__(self, images):
        self.images, self.files = images, []
        for image in images:
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            self.files.append(file.getvalue())

    def name(self, row):
        return f"image-{row}.png"

    def read(self, row):
        return self.files[row]


@pytest.fixture(scope="module")
def photos():
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (*size, 3), np.uint8) for size in SIZES]


@pytest.fixture(scope="module")
def lazy(photos):
    return LazySplit(Encoded(photos), torch.arange(5), torch.tensor([3, 1, 4, 1, 5]))


def in_memory():
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (7, 3, 20, 20), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(7))


def test_test_images_are_those_of_torchvision_on_pillow(lazy, photos):
    batches = list(image_batches(lazy, 2, CentreCrop(32, 28)))
    assert [len(images) for images, _ in batches] == [2, 2, 1]
    images = torch.cat([images for images, _ in batches])
    assert torch.cat([labels for _, labels in batches]).tolist() == [3, 1, 4, 1, 5]
    usual = v2.Compose([v2.Resize(32), v2.CenterCrop(28), v2.PILToTensor()])
    expected = torch.stack([usual(Image.fromarray(photo)) for photo in photos])
    assert images.dtype == torch.uint8
    assert (images.int() - expected.int()).abs().max() <= 1


def test_in_memory_as_stored_and_in_any_order():
    split = in_memory()
    order = torch.tensor([6, 0, 3])
    (images, labels), (last, _) = image_batches(split, 2, order=order)
    assert torch.equal(torch.cat([images, last]), split.images[order])
    assert labels.tolist() == [6, 0]


def test_workers_change_nothing(lazy):
    view = RandomView(ViewConfig(size=16, area=[0.2, 1.0]), seed=5)
    alone = list(image_batches(lazy, 2, view, epoch=3))
    with_workers = list(image_batches(lazy, 2, view, workers=2, epoch=3))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(alone, with_workers, strict=True))
    other = next(image_batches(lazy, 2, view, epoch=4))
    assert not torch.equal(alone[0][0], other[0])


def test_random_views_of_memory_and_files_are_equal():
    split = in_memory()
    photos = [image.permute(1, 2, 0).numpy() for image in split.images]
    lazy = LazySplit(Encoded(photos), torch.arange(7), split.labels)
    view = RandomView(ViewConfig(size=16), seed=5)
    for (mine, _), (read, _) in zip(
        image_batches(split, 4, view), image_batches(lazy, 4, view), strict=True
    ):
        assert torch.equal(mine, read)


def test_images_of_different_sizes_need_a_crop(lazy):
    with pytest.raises(DataError, match=r"data\.test_crop"):
        next(image_batches(lazy, 2))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_named(photos, workers):
    source = Encoded(photos)
    source.files[2] = source.files[2][:200]
    split = LazySplit(source, torch.arange(5), torch.zeros(5))
    with pytest.raises(
        DataError, match=r"^image-2\.png: not a readable .* data\.skip_unreadable=true$"
    ):
        list(image_batches(split, 2, CentreCrop(32, 32), workers))


def test_a_file_that_is_no_image_is_named_as_its_user_knows_it(photos):
    source = Encoded(photos)
    source.files[0] = b"<html>not found</html>"
    with pytest.raises(DataError, match=r"^image-0\.png: .*no kind of image") as caught:
        LazySplit(source, torch.arange(5), torch.zeros(5)).read(0)
    assert "BytesIO" not in str(caught.value)
