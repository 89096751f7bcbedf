import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.catalogue.packers.images import (
    pack_caltech,
    pack_fashion_mnist,
    pack_fashion_mnist_full,
    pack_folders,
    pack_tiny_imagenet,
    read_idx,
)
from common.errors import DataError


def write_jpeg(path: Path, width: int = 4, height: int = 4, level: int = 128) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (level, 0, 0)).save(path)
    return path.read_bytes()


def load(content: bytes) -> dict[str, np.ndarray]:
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


def image(arrays: dict[str, np.ndarray], row: int) -> bytes:
    first, last = arrays["offsets"][row : row + 2]
    return arrays["jpeg"][first:last].tobytes()


def test_folders_are_interleaved_by_class_and_bytes_kept(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label, name in enumerate(("bird", "cat")):
            for number in (1, 2):
                level = 100 * label + number
                write_jpeg(tmp_path / f"set/{split}/{name}/000{number}.jpg", level=level)
    packed = pack_folders(tmp_path, ["c/train.npz", "c/test.npz"])
    arrays = load(packed["c/train.npz"])
    assert arrays["labels"].tolist() == [0, 1, 0, 1]
    assert arrays["index_in_class"].tolist() == [1, 1, 2, 2]
    assert arrays["class_names"].tolist() == ["bird", "cat"]
    assert image(arrays, 1) == (tmp_path / "set/train/cat/0001.jpg").read_bytes()


def test_caltech_is_scaled_cropped_and_split_by_number(tmp_path: Path) -> None:
    tree = tmp_path / "caltech-101/101_ObjectCategories"
    write_jpeg(tree / "BACKGROUND_Google/image_0001.jpg")
    write_jpeg(tree / "ant/image_0005.jpg", 300, 200)
    write_jpeg(tree / "bass/image_0004.jpg", 500, 100)
    arrays = load(pack_caltech(tmp_path, ["a"])["a"])
    assert arrays["class_names"].tolist() == ["ant", "bass"]
    assert arrays["file_number"].tolist() == [4, 5]
    assert arrays["is_test"].tolist() == [False, True]
    sizes = [Image.open(io.BytesIO(image(arrays, row))).size for row in (0, 1)]
    assert sizes == [(192, 96), (144, 96)]


def tiny_imagenet(folder: Path) -> Path:
    tree = folder / "tiny-imagenet-200"
    for label, wnid in enumerate(("n02", "n01")):
        for number in (0, 1):
            path = tree / f"train/{wnid}/images/{wnid}_{number}.JPEG"
            write_jpeg(path, level=100 * label + number)
        (tree / f"train/{wnid}/{wnid}_boxes.txt").touch()
    write_jpeg(tree / "val/images/val_0.JPEG", level=30)
    write_jpeg(tree / "val/images/val_1.JPEG", level=40)
    write_jpeg(tree / "test/images/test_0.JPEG")
    (tree / "words.txt").write_text("n01\tgoldfish, Carassius\nn02\tcat\nn03\tdog\n")
    (tree / "val/val_annotations.txt").write_text("val_1.JPEG\tn02\t0\t0\nval_0.JPEG\tn01\t0\t0\n")
    return tree


def test_tiny_imagenet_is_interleaved_and_validation_gets_its_classes(tmp_path: Path) -> None:
    tree = tiny_imagenet(tmp_path)
    packed = pack_tiny_imagenet(tmp_path, ["t/train.npz", "t/val.npz"])
    train, val = load(packed["t/train.npz"]), load(packed["t/val.npz"])
    assert train["labels"].tolist() == [0, 1, 0, 1] and val["labels"].tolist() == [0, 1]
    assert image(train, 2) == (tree / "train/n01/images/n01_1.JPEG").read_bytes()
    assert image(val, 1) == (tree / "val/images/val_1.JPEG").read_bytes()
    assert val["class_names"].tolist() == ["goldfish, Carassius", "cat"]


def test_what_tiny_imagenet_lacks_is_named(tmp_path: Path) -> None:
    tree = tiny_imagenet(tmp_path)
    (tree / "val/images/val_0.JPEG").unlink()
    with pytest.raises(DataError, match=r"val_0\.JPEG"):
        pack_tiny_imagenet(tmp_path, ["t/val.npz"])
    (tree / "val/val_annotations.txt").write_text("val_1.JPEG\tn03\n")
    with pytest.raises(DataError, match=r"val_1\.JPEG"):
        pack_tiny_imagenet(tmp_path, ["t/val.npz"])


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return gzip.compress(header + array.tobytes())


def test_idx_files_are_read_and_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"train": 3, "t10k": 2}
    monkeypatch.setattr("common.data.catalogue.packers.images.FASHION_ROWS", rows)
    images = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2)
    for prefix in rows:
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images))
        labels = np.arange(5, dtype=np.uint8)
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    arrays = load(pack_fashion_mnist(tmp_path, ["a"])["a"])
    assert np.array_equal(arrays["x_train"], images[:3])
    assert arrays["y_test"].tolist() == [0, 1]
    assert arrays["class_names"][9] == "Ankle boot"
    whole = load(pack_fashion_mnist_full(tmp_path, ["a"])["a"])
    assert np.array_equal(whole["x_test"], images) and whole["y_train"].tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x08\x01\x00\x00\x00\x05ab", b"<html></html>"])
def test_what_is_no_idx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match="not an idx file"):
        read_idx(tmp_path / "a")
