import numpy as np
import pytest
import torch

from common.data.images.sets import fingerprint
from common.errors import DataError
from tests.stored import read_images


def shapes(images):
    return {split: tuple(part.images.shape) for split, part in images.items()}


def test_cifar10_jpeg(tmp_path, packing):
    for split, num in (("train", 3), ("test", 2)):
        labels = np.arange(num, dtype=np.uint8)
        packing.write(tmp_path / f"cifar10_jpeg/{split}.npz", packing.random(num), labels=labels)
    images = read_images("cifar10-jpeg", tmp_path)
    assert shapes(images) == {"train": (3, 3, 8, 8), "test": (2, 3, 8, 8)}
    assert images["train"].labels.tolist() == [0, 1, 2]


def test_class_names_come_with_the_images_where_a_file_has_them(tmp_path, packing):
    names = np.array(["bird", "cat"])
    for split, extra in (("train", {"class_names": names}), ("test", {})):
        arrays = {"labels": np.array([0, 1]), **extra}
        packing.write(tmp_path / f"cifar10_jpeg/{split}.npz", packing.random(2), **arrays)
    images = read_images("cifar10-jpeg", tmp_path)
    assert images["train"].rows(torch.tensor([1])).class_names == ("bird", "cat")
    assert images["test"].class_names == ()


def test_caltech101_is_squared_and_split_by_file_number(tmp_path, packing):
    coded = [packing.random(1, 96, 100)[0], packing.random(1, 120, 96)[0], packing.random(1, 96)[0]]
    arrays = {"labels": np.array([4, 5, 6], np.uint8), "is_test": np.array([False, True, False])}
    path = tmp_path / "caltech101_96px/caltech101.npz"
    packing.write(path, coded, **arrays)
    images = read_images("caltech101", tmp_path)
    assert shapes(images) == {"train": (2, 3, 96, 96), "test": (1, 3, 96, 96)}
    assert images["train"].labels.tolist() == [4, 6] and images["test"].labels.tolist() == [5]
    middle = torch.from_numpy(coded[1][12:108].transpose(2, 0, 1))
    assert torch.equal(images["test"].images[0], middle)
    packing.write(path, coded, **arrays | {"is_test": np.zeros(2, bool)})
    with pytest.raises(DataError, match=r"caltech101\.npz.*3.*2 is_test"):
        read_images("caltech101", tmp_path)


def test_tiny_imagenet_is_tested_on_val(tmp_path, packing):
    for stem, num in (("train", 3), ("val", 2)):
        arrays = {
            "labels": np.arange(num, dtype=np.uint8),
            "class_names": np.array(["a", "b", "c"]),
        }
        packing.write(tmp_path / f"tiny_imagenet/{stem}.npz", packing.random(num), **arrays)
    images = read_images("tiny-imagenet", tmp_path)
    assert shapes(images) == {"train": (3, 3, 8, 8), "test": (2, 3, 8, 8)}
    assert images["test"].labels.tolist() == [0, 1] and images["test"].class_names[2] == "c"


def test_fashion_mnist_is_grey(tmp_path):
    path = tmp_path / "fashion_mnist_subset/fashion_mnist_train10k_test5k.npz"
    path.parent.mkdir()
    images, labels = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2), np.array([7, 8, 9])
    np.savez(path, x_train=images, y_train=labels, x_test=images[:1], y_test=labels[:1])
    images = read_images("fashion-mnist", tmp_path)
    assert shapes(images) == {"train": (3, 1, 2, 2), "test": (1, 1, 2, 2)}
    assert images["train"].images[2].flatten().tolist() == [8, 9, 10, 11]
    assert images["train"].labels.tolist() == [7, 8, 9]


def test_of_each_person_five_images_train(tmp_path):
    path = tmp_path / "faces_att/att_faces.npz"
    path.parent.mkdir()
    poses = np.array([10, 5, 6, 1], np.int16)
    stored = np.arange(4 * 6, dtype=np.uint8).reshape(4, 3, 2)
    np.savez(path, images=stored, subject=np.array([0, 0, 1, 1], np.int16), pose=poses)
    images = read_images("faces-att", tmp_path)
    assert shapes(images) == {"train": (2, 1, 3, 2), "test": (2, 1, 3, 2)}
    assert images["train"].labels.tolist() == [0, 1]
    assert images["test"].images[0, 0, 0, 0] == 0
    np.savez(path, images=stored, subject=np.zeros(4, np.int16), pose=poses[:1])
    with pytest.raises(DataError, match=r"att_faces\.npz.*4.*1"):
        read_images("faces-att", tmp_path)


def test_faces_of_one_person_stay_together(tmp_path, packing):
    numbers = np.array([4, 9, 1, 7, 8, 2, 3, 5, 6, 10], np.int16)
    coded = [np.full((8, 8, 3), 20 * number, np.uint8) for number in numbers]
    packing.write(tmp_path / "faces_caltech/faces_easy_160.npz", coded, file_number=numbers)
    images = read_images("faces-caltech", tmp_path)
    levels = {split: part.images[:, 0, 0, 0].tolist() for split, part in images.items()}
    assert levels == {"train": [20 * n for n in range(1, 9)], "test": [180, 200]}
    assert set(images["train"].labels.tolist()) == {-1}


def test_the_subset_is_the_first_rows_of_all_of_fashion_mnist():
    whole, subset = read_images("fashion-mnist-full"), read_images("fashion-mnist")
    for split, part in subset.items():
        assert torch.equal(whole[split].images[: len(part)], part.images)
        assert torch.equal(whole[split].labels[: len(part)], part.labels)


@pytest.mark.parametrize(
    ("name", "hexadecimal"),
    [
        ("fashion-mnist-full", "91fb35e2ba9fa89f"),
        ("faces-att", "e88a1784be8ad272"),
        ("faces-caltech", "b253a0eccc287793"),
    ],
)
def test_a_real_set_that_no_record_names_is_as_published(name, hexadecimal):
    assert fingerprint(read_images(name)) == hexadecimal
