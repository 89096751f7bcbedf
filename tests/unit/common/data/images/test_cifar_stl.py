import numpy as np
import pytest
import torch

from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.lazy import hold_out
from common.data.images.module import ImageData
from common.errors import DataError
from common.evaluation.image_config import KnnConfig
from tests.recipes import evaluation
from tests.stored import read_images

RANDOM = np.random.default_rng(0)


def write(path, *parts):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(np.asarray(part, np.uint8).tobytes() for part in parts))


def pixels(num, size):
    return RANDOM.integers(0, 256, (num, size), dtype=np.uint8)


@pytest.fixture
def cifar10(tmp_path):
    """Two images a file; the first of file k has label k."""
    planes = pixels(12, 3072)
    for row, stem in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        labels = np.array([[row], [9]])
        records = np.concatenate([labels, planes[2 * row : 2 * row + 2]], 1)
        write(tmp_path / f"cifar-10-batches-bin/{stem}.bin", records)
    return planes.reshape(12, 3, 32, 32)


@pytest.fixture
def stl10(tmp_path):
    """Four labelled, six unlabelled, two tested; rows are written column by column."""
    upright = pixels(12, 3 * 96 * 96).reshape(12, 3, 96, 96)
    rows = {"train": slice(0, 4), "unlabeled": slice(4, 10), "test": slice(10, 12)}
    for part, chosen in rows.items():
        write(tmp_path / f"stl10_binary/{part}_X.bin", upright[chosen].transpose(0, 1, 3, 2))
    write(tmp_path / "stl10_binary/train_y.bin", [1, 10, 2, 2])
    write(tmp_path / "stl10_binary/test_y.bin", [3, 1])
    return upright


def test_cifar10_is_read_batch_by_batch(tmp_path, cifar10):
    images = read_images("cifar10", tmp_path)
    assert np.array_equal(images["train"].images, cifar10[:10])
    assert np.array_equal(images["test"].images, cifar10[10:])
    assert images["train"].labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert images["test"].class_names[9] == "truck"


def test_cifar100_has_the_fine_label_second(tmp_path):
    planes = pixels(4, 3072)
    labels = np.array([[3, 0], [1, 2], [0, 1], [2, 2]])
    for split, rows in (("train", slice(0, 3)), ("test", slice(3, 4))):
        records = np.concatenate([labels[rows], planes[rows]], 1)
        write(tmp_path / f"cifar-100-binary/{split}.bin", records)
    (tmp_path / "cifar-100-binary/fine_label_names.txt").write_text("apple\nbear\ncan\n\n")
    images = read_images("cifar100", tmp_path)
    assert images["train"].labels.tolist() == [0, 2, 1]
    assert np.array_equal(images["test"].images[0], planes[3].reshape(3, 32, 32))
    assert images["test"].class_names == ("apple", "bear", "can")


def test_stl10_is_turned_upright_and_its_unlabelled_images_train(tmp_path, stl10):
    images = read_images("stl10", tmp_path)
    assert np.array_equal(images["train"].images, stl10[:10])
    assert np.array_equal(images["test"].images, stl10[10:])
    assert images["train"].labels.tolist() == [0, 9, 1, 1, *[-1] * 6]
    assert images["test"].labels.tolist() == [2, 0]


def test_only_labelled_images_are_held_out(tmp_path, stl10):
    held = hold_out(read_images("stl10", tmp_path), 0.5)
    assert len(held["val"]) == 2 and int(held["val"].labels.min()) >= 0
    assert (held["train"].labels < 0).sum() == 6 and len(held["train"]) == 8


def stl10_data(root, **changes):
    config = ImageConfig(name="stl10", root=str(root), batch_size=2, holdout=0.5, **changes)
    return ImageData(config, 0)


def test_unlabelled_images_train_but_are_no_references(tmp_path, stl10):
    data = stl10_data(tmp_path, views=[ViewConfig(count=1, size=8)])
    assert data.facts.num_unlabelled == 6 and data.facts.num_samples == 8
    neighbours = KnnConfig(k=2)
    data.check_evaluation(evaluation("pixpro", protocols=["knn"], online=["knn"], knn=neighbours))
    raw = data.references("test")["raw"].features
    assert sorted(raw.train_y.tolist()) == [0, 1, 1, 9] and raw.test_y.tolist() == [2, 0]
    seen = torch.cat([batch.labels for batch in data.train_dataloader()])
    assert (seen < 0).sum() == 6


def test_a_method_that_learns_from_labels_can_leave_the_others_out(tmp_path, stl10):
    data, every = stl10_data(tmp_path, labelled_only=True), stl10_data(tmp_path)
    assert (data.facts.num_unlabelled, data.facts.num_samples) == (0, 2)
    assert data.fingerprint != (every.load() or every.fingerprint)


def test_broken_files_name_record_and_mend(tmp_path, cifar10, stl10):
    path = tmp_path / "cifar-10-batches-bin/data_batch_3.bin"
    write(path, [7], cifar10[0], [10], cifar10[1])
    with pytest.raises(DataError, match=r"3\.bin.*1.*10.*cifar10`"):
        read_images("cifar10", tmp_path)
    write(path, cifar10[0])
    with pytest.raises(DataError, match=r"3\.bin.*3072.*3073"):
        read_images("cifar10", tmp_path)
    write(path, [])
    with pytest.raises(DataError, match=r"3\.bin.*0"):
        read_images("cifar10", tmp_path)
    write(tmp_path / "stl10_binary/test_y.bin", [0, 1])
    with pytest.raises(DataError, match=r"test_y\.bin.*0.*-1.*stl10`"):
        read_images("stl10", tmp_path)
    write(tmp_path / "stl10_binary/test_y.bin", [1])
    with pytest.raises(DataError, match=r"test_y\.bin.*1.*2"):
        read_images("stl10", tmp_path)
