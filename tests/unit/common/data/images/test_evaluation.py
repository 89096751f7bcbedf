import io

import numpy as np
import pytest
import torch
from PIL import Image

from common.data.images.config import ImageConfig
from common.data.images.evaluation import (
    EvaluatedImages,
    find_names,
    split_pair,
)
from common.data.images.lazy import LazySplit
from common.data.images.sets import Split
from common.errors import DataError
from common.evaluation.features import ImageInputs
from common.evaluation.image_config import CropConfig

CPU = torch.device("cpu")


class Encoded:
    """PNG files in memory; image r is all of grey level 10 r."""

    upright = True

    names = np.array([f"train/n{row % 2}/n{row % 2}_{row}.PNG".encode() for row in range(9)])

    def name(self, row):
        return f"data/{self.names[row].decode()}"

    def read(self, row):
        file = io.BytesIO()
        Image.fromarray(np.full((20 + row, 30, 3), 10 * row, np.uint8)).save(file, "PNG")
        return file.getvalue()


def lazy(labels, first=0):
    labels = torch.tensor(labels)
    return LazySplit(Encoded(), torch.arange(first, first + len(labels)), labels)


def stored(num=10):
    levels = torch.arange(num, dtype=torch.uint8).mul(10)
    return Split(levels[:, None, None, None].expand(num, 3, 8, 8).contiguous(), torch.arange(num))


def config(**options):
    return ImageConfig(mean=[0.5] * 3, std=[0.25] * 3, **options)


def levels(images):
    """Returns which of the grey images these are."""
    return images.mul(0.25).add(0.5).mul(25.5).mean((1, 2, 3)).round().long()


@pytest.mark.parametrize("split", [stored(6), lazy([0, 1, 0, 1, 0, 1])])
def test_all_images_come_in_order_as_tested(split):
    made = EvaluatedImages(split, config(test_resize=6, test_crop=5))
    images = torch.cat(list(made.whole(CPU)))
    assert images.shape == (6, 3, 5, 5) and levels(images).tolist() == list(range(6))


def test_images_without_label_are_left_out():
    made = EvaluatedImages(lazy([3, -1, 0, -1]), config(test_resize=6, test_crop=5))
    assert made.labels.tolist() == [3, 0]
    assert levels(torch.cat(list(made.whole(CPU)))).tolist() == [0, 2]


def test_an_epoch_has_each_row_once_and_is_a_function_of_its_key():
    made, rows = EvaluatedImages(stored(), config()), torch.tensor([8, 2, 5, 7, 3])
    crop = CropConfig(size=4)

    def epoch(*key):
        batches = list(made.augmented(rows, crop, 2, key, CPU))
        assert [len(labels) for _, labels in batches] == [2, 2, 1]
        images, labels = (torch.cat(part) for part in zip(*batches, strict=True))
        assert images.shape == (5, 3, 4, 4) and torch.equal(levels(images), labels)
        return labels.tolist()

    assert sorted(epoch(0, 1)) == [2, 3, 5, 7, 8]
    assert epoch(0, 1) == epoch(0, 1)
    assert len({tuple(epoch(0, e)) for e in range(4)} | {tuple(epoch(1, 0))}) > 2


def test_crops_differ_by_epoch_and_are_as_large_as_tested_images():
    noise = Split(torch.rand(2, 3, 12, 16), torch.tensor([0, 1]))
    made, rows = EvaluatedImages(noise, config(test_crop=10)), torch.arange(2)
    first, again = (
        dict(zip(labels.tolist(), images, strict=True))
        for key in ((0, 1), (0, 2))
        for images, labels in made.augmented(rows, CropConfig(), 2, key, CPU)
    )
    assert first[0].shape == (3, 10, 10) and not torch.equal(first[0], again[0])


def test_a_list_of_names_selects_rows(tmp_path):
    made = EvaluatedImages(lazy([0, 1, 0, 1]), config(root=str(tmp_path)))
    (tmp_path / "1percent.txt").write_text("n1_3.PNG\nn0_0.PNG\n")
    assert made.listed("1percent.txt").tolist() == [3, 0]
    (tmp_path / "foreign.txt").write_text("n1_3.PNG\nn0_77.PNG\n")
    with pytest.raises(DataError, match=r"foreign.txt.*1.*2.*n0_77.PNG"):
        made.listed("foreign.txt")
    with pytest.raises(DataError, match=r"none.txt"):
        made.listed("none.txt")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(DataError, match=r"empty.txt"):
        made.listed("empty.txt")
    elsewhere = EvaluatedImages(lazy([0, 1, 0, 1]), config(root="nowhere"))
    assert elsewhere.listed(str(tmp_path / "1percent.txt")).tolist() == [3, 0], "a whole path"
    in_memory = EvaluatedImages(stored(), config(root=str(tmp_path)))
    with pytest.raises(DataError, match="no file names"):
        in_memory.listed("1percent.txt")


def test_names_that_several_images_have_need_their_folder():
    class Numbered(Encoded):
        names = np.array([b"train/cat/1.png", b"train/dog/1.png", b"train/dog/11.png"])

    split = LazySplit(Numbered(), torch.arange(3), torch.tensor([0, 1, 1]))
    assert find_names(split, ["dog/1.png", "11.png", "train/cat/1.png"], "list") == [1, 2, 0]
    with pytest.raises(DataError, match=r"2.*3.*1.png"):
        find_names(split, ["1.png", "11.png", "og/1.png"], "list")


def test_the_hold_out_is_labelled_too_where_test_is_measured():
    tested = config(test_resize=6, test_crop=6)
    for split in ({"train": stored(4), "val": stored(3), "test": stored(2)}, lazy_set()):
        pair = split_pair(split, "test", tested)
        train, test = (EvaluatedImages(part, tested) for part in pair)
        assert train.labels.tolist() == [0, 1, 2, 3, 0, 1, 2] and len(test.labels) == 2
        assert len(split_pair(split, "val", tested)[0].labels) == 4
        pixels = ImageInputs(None, train, test).features
        assert pixels.train_x.shape == (7, 3 * 36) and 0 <= pixels.train_x.min()
        assert torch.allclose(pixels.test_x[1], torch.tensor(10 / 255))
    with pytest.raises(DataError, match=r"'val'.*data.holdout"):
        split_pair({"train": stored(4)}, "val", config())


def lazy_set():
    parts = {"train": [0, 1, 2, 3], "val": [0, 1, 2], "test": [0, 1]}
    return {name: lazy(labels) for name, labels in parts.items()}
