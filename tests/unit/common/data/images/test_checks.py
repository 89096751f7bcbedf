from dataclasses import replace

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as F

from common.config.recipe import load_recipe
from common.data.images.checks import scaled_size
from common.data.images.config import ImageConfig
from common.data.images.lazy import decode, read_size
from common.data.images.module import ImageData
from common.errors import ConfigError, DataError
from tests.recipes import evaluation


@pytest.fixture
def make(tmp_path, packing):
    """Writes images, {folder: how many}, and opens the folder above them."""

    def of(counts, sizes=(8,), below="", **options):
        for folder, num in counts.items():
            target = tmp_path / folder
            target.mkdir(parents=True, exist_ok=True)
            for row in range(num):
                image = packing.random(1, sizes[row % len(sizes)], 8)[0]
                (target / f"{row}.png").write_bytes(packing.encode(image))
        config = {"holdout": 0, "test_share": 0.25, "pipeline": "hybrid", **options}
        return ImageData(
            ImageConfig(name="image-folder", path=str(tmp_path / below), **config), seed=0
        )

    return of


KNN = evaluation("pixpro", protocols=["knn"])
KNN.knn.k = 1


def test_one_class_is_refused(make):
    made = make({"nested/cat": 4, "nested/dog": 4})
    for protocols in (["knn"], ["knn", "few-label"], ["linear"]):
        with pytest.raises(DataError, match=r"of 1 class \(nested\)"):
            made.check_evaluation(evaluation("pixpro", protocols=protocols))
    made.check_evaluation(evaluation("pixpro", protocols=["correspondence"]))
    make({}, below="nested").check_evaluation(KNN)


def test_classes_without_training_images_and_empty_folders_are_told(make, tmp_path):
    made = make({"train/a": 3, "train/b": 3, "val/a": 2, "val/c": 1, "val/d": 1})
    assert made.warnings == ["test images of classes without training images: c, d"]
    assert ImageData(ImageConfig(), seed=0).warnings == []
    (tmp_path / "train/new").mkdir()
    (tmp_path / "train/.cache").mkdir()
    with pytest.warns(UserWarning, match="folders without images: new$"):
        make({}).load()


def test_images_of_two_sizes_need_a_crop_before_training(make):
    made = make({"a": 6, "b": 6}, sizes=(8, 12))
    message = r"png has \d+ x 8.*png \d+ x 8.*data\.test_resize"
    for config in (KNN, evaluation("pixpro", protocols=["linear-sgd"])):
        with pytest.raises(DataError, match=message):
            made.check_evaluation(config)
    made.check_evaluation(evaluation("pixpro"))
    made.check_evaluation(evaluation("pixpro", protocols=["correspondence"]))
    make({}, test_crop=8).check_evaluation(KNN)
    with pytest.raises(DataError, match=r"8 x 8 .* 12 x 8|12 x 8 .* 8 x 8"):
        make({}, test_resize=8).check_evaluation(KNN)


def test_images_of_one_size_need_none(make):
    make({"a": 6, "b": 6}).check_evaluation(KNN)


@pytest.mark.parametrize("size", [(8, 12), (13, 7), (9, 9)])
def test_the_scaled_size_is_that_of_torchvision(size):
    assert scaled_size(size, 5) == F.resize(torch.zeros(3, *size), [5]).shape[1:]
    assert scaled_size(size, None) == size


def test_a_broken_test_image_is_named_before_training(make, tmp_path):
    made = make({"train/a": 3, "train/b": 3, "val/a": 2, "val/b": 2}, test_crop=8)
    made.check_evaluation(KNN)
    (tmp_path / "val/b/1.png").write_text("<html>")
    with pytest.raises(DataError, match=r"val/b/1\.png.*data\.skip_unreadable"):
        made.check_evaluation(KNN)


def test_a_photograph_on_its_side_has_the_size_of_the_upright_one(tmp_path, packing):
    path, exif = tmp_path / "a.jpg", Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(packing.random(1, 8, 12)[0]).save(path, exif=exif)
    for upright, expected in ((True, (12, 8)), (False, (8, 12))):
        assert read_size(path, "a", upright) == expected
        assert decode(path, "a", upright).size[::-1] == expected


def test_a_batch_is_said_to_lie_beside_a_hold_out_only_where_there_is_one(make):
    for holdout, words in ((0, "6 training images; use"), (0.5, "3 .* beside its hold-out; use")):
        with pytest.raises(ConfigError, match=words):
            make({"a": 4, "b": 4}, batch_size=9, holdout=holdout).check_training()


def test_a_folder_of_packed_shards_and_a_set_without_a_path_are_refused(make, tmp_path):
    (tmp_path / "a.tar.gz").touch()
    with pytest.raises(DataError, match=r"packed shards .* gunzip"):
        make({}).load()
    with pytest.raises(ConfigError, match=r"data\.path.*image-folder"):
        load_recipe("swav/quick", ["data.name=image-folder"])


def test_labels_of_shards_are_named_by_their_numbers(make):
    made = make({"a": 4, "b": 4})
    made.load()
    made.set["test"] = replace(made.set["test"], class_names=(), labels=torch.tensor([0, 7]))
    assert made.warnings == ["test images of classes without training images: 7"]
