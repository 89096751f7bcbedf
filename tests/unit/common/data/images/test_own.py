import unicodedata

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from common.data.images.config import ImageConfig
from common.data.images.lazy import fingerprint_files
from common.data.images.module import ImageData
from common.data.images.readers.files import image_folder, own_folder
from common.data.images.readers.layout import find_parts
from common.data.images.readers.own import read_own
from common.errors import DataError

GREY, COLOUR = (1, 20, 20), (3, 20, 20)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


class Corner(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def embed(self, x):
        assert not self.training and not torch.is_grad_enabled()
        return self.scale * x[:, 0, 0, :2]


def test_folders_are_read_in_order_of_name_with_and_without_classes(tmp_path):
    pixels = noise(20, 20)
    save(tmp_path / "cats" / "b.PNG", pixels)
    save(tmp_path / "a.png", np.stack([pixels] * 3, 2))
    (tmp_path / "notes.txt").write_text("no image")
    images, known = read_own(tmp_path, GREY)
    assert known["ids"].tolist() == ["a.png", "cats/b.PNG"]
    assert known["labels"].tolist() == ["", "cats"]
    assert images.dtype == torch.uint8 and (images[1, 0].numpy() == pixels).all()
    assert read_own(tmp_path, COLOUR)[0][1].shape == (3, 20, 20)


def test_ids_are_names_in_the_folder_and_a_split_is_no_label(tmp_path):
    for name in ("train/cats/a.png", "train/dogs/a.png", "test/cats/b.png"):
        save(tmp_path / name, noise(9, 9, 3))
    images, known = read_own(tmp_path, COLOUR)
    split, lazily = own_folder(tmp_path)
    assert sorted(known["ids"]) == ["test/cats/b.png", "train/cats/a.png", "train/dogs/a.png"]
    assert [name.split("/")[0] for name in known["ids"]] == known["split"].tolist()
    found = dict(zip(known["ids"], known["labels"], strict=True))
    assert [found[name] for name in sorted(found)] == ["cats", "cats", "dogs"]
    assert len(images) == len(split) == 3 and {**lazily}.keys() == known.keys()
    assert all(np.array_equal(lazily[name], known[name]) for name in known)
    for row, name in enumerate(known["ids"]):
        assert split.source.name(int(split.index[row])).endswith(name)


@pytest.mark.parametrize(
    "names",
    [
        ("Train", "Test"),
        ("TRAINING", "Validation"),
        ("train2017", "val2017"),
        ("train_images", "test-set"),
    ],
)
def test_splits_are_known_in_capitals_and_with_what_often_follows(tmp_path, names):
    for name in names:
        for kind in ("cats", "dogs"):
            save(tmp_path / name / kind / "a.png", noise(9, 9, 3))
    assert set(read_own(tmp_path, COLOUR)[1]["labels"]) == {"cats", "dogs"}
    images = image_folder(ImageConfig(name="image-folder", path=str(tmp_path)))
    assert {split: len(part) for split, part in images.items()} == {"train": 2, "test": 2}
    assert images["test"].labels.tolist() == [0, 1]


def test_shards_of_splits_are_known_in_capitals(tmp_path):
    for name in ("Train-0.tar", "VAL.tar"):
        (tmp_path / name).touch()
    assert [*find_parts(tmp_path)] == ["train", "val"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train_faces", "test_faces"), "test_faces, train_faces would be.* take other fold"),
        (("training_set", "trainset"), "training_set, trainset would be"),
        (("train", "dev"), "dev, train would be .*; name splits train/, val/ and test/"),
        (("train", "training"), "train, training would be"),
        (("Cars Train 2", "cars_eval"), "Cars Train 2, cars_eval would be"),
        (("train", "val", "extra"), "train, val would be .* take extra out"),
        (("val", "test"), "test, val would be"),
    ],
)
def test_what_looks_like_splits_is_not_taken_for_classes(tmp_path, names, message):
    for name in names:
        save(tmp_path / name / "cats" / "a.png", noise(9, 9, 3))
    with pytest.raises(DataError, match=f"{tmp_path.name}: {message}"):
        find_parts(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["train/a.png", "dev/a.png", "plane/a.png"],
        ["trainers/nike/a.png", "contest/a/a.png"],
        ["train_station/platform/a.png", *(f"place{number}/a.png" for number in range(10))],
        ["test/cats/a.png"],
    ],
)
def test_classes_may_be_called_as_splits_are(tmp_path, names):
    for name in names:
        save(tmp_path / name, noise(9, 9, 3))
    found = set(read_own(tmp_path, COLOUR)[1]["labels"])
    assert found == {name.partition("/")[0] for name in names}


def test_a_class_is_one_however_its_letters_are_composed(tmp_path, recwarn):
    for split, form in (("train", "NFC"), ("test", "NFD")):
        save(tmp_path / split / unicodedata.normalize(form, "café") / "a.png", noise(9, 9, 3))
        save(tmp_path / split / "tea" / "a.png", noise(9, 9, 3))
    found = image_folder(ImageConfig(name="image-folder", path=str(tmp_path)))
    assert found["train"].class_names == (unicodedata.normalize("NFC", "café"), "tea")
    assert found["train"].labels.tolist() == found["test"].labels.tolist() == [0, 1]
    assert not recwarn


def test_a_folder_without_classes_has_no_labels(tmp_path):
    save(tmp_path / "a.png", noise(9, 9))
    assert list(read_own(tmp_path, GREY)[1]) == ["ids"]


def test_ids_and_labels_of_an_npz_are_passed_on(tmp_path):
    np.savez(tmp_path / "mine.npz", images=noise(2, 20, 20), ids=["b", "a"], labels=[1, 0])
    known = read_own(tmp_path / "mine.npz", GREY)[1]
    assert (known["ids"].tolist(), known["labels"].tolist()) == (["b", "a"], [1, 0])
    np.savez(tmp_path / "mine.npz", images=noise(2, 20, 20), ids=["b", "a"], species=[1, 0])
    with pytest.warns(
        UserWarning, match="mine.npz: not read: species; read are images, ids and labels"
    ):
        assert [*read_own(tmp_path / "mine.npz", GREY)[1]] == ["ids"]
    np.savez(tmp_path / "mine.npz", images=noise(2, 20, 20), ids=["b"])
    with pytest.raises(DataError, match=r"mine.npz: ids"):
        read_own(tmp_path / "mine.npz", GREY)


def test_another_size_covers_the_run_s_and_is_cropped_at_the_centre(tmp_path):
    wide = np.zeros((40, 120), np.uint8)
    wide[:, 40:80] = 200
    save(tmp_path / "wide.png", wide)
    images, _ = read_own(tmp_path, GREY)
    assert images.shape == (1, *GREY) and (images > 150).all()
    np.savez(tmp_path / "wide.npz", images=wide[None])
    assert torch.equal(read_own(tmp_path / "wide.npz", GREY)[0], images)


@pytest.mark.parametrize("shape", [(4, 20, 20), (4, 20, 20, 1), (4, 20, 20, 3), (4, 9, 7, 3)])
@pytest.mark.parametrize("wanted", [GREY, COLOUR])
def test_arrays_of_grey_and_colour(tmp_path, shape, wanted):
    stored = noise(*shape)
    np.savez(tmp_path / "mine.npz", images=stored)
    images, known = read_own(tmp_path / "mine.npz", wanted)
    assert images.shape == (4, *wanted) and known == {}
    if shape[1:] == (20, 20, 3) and wanted == COLOUR:
        assert (images.permute(0, 2, 3, 1).numpy() == stored).all()


def test_embeds_without_views_and_restores_the_mode(tmp_path):
    images = noise(3, 20, 20)
    np.savez(tmp_path / "mine.npz", images=images)
    module = Corner().train()
    arrays = ImageData(ImageConfig(), 0).embed_path(module, tmp_path / "mine.npz")
    np.testing.assert_allclose(arrays["embeddings"], images[:, 0, :2] / 255, rtol=1e-6)
    assert module.training and list(arrays) == ["embeddings"]


def test_broken_images_are_named(tmp_path):
    with pytest.raises(DataError, match=r"holds no images"):
        read_own(tmp_path, GREY)
    with pytest.raises(DataError, match=r"gone: no such file"):
        read_own(tmp_path / "gone", GREY)
    save(tmp_path / "fine.png", noise(20, 20))
    with pytest.raises(DataError, match=r"fine.png"):
        read_own(tmp_path / "fine.png", GREY)
    content = (tmp_path / "fine.png").read_bytes()
    for broken in (b"", b"no image", content[: len(content) // 2]):
        (tmp_path / "two.png").write_bytes(broken)
        with pytest.raises(DataError, match=r"two.png"):
            read_own(tmp_path, GREY)
    save(tmp_path / "two.png", np.full((20, 20), 3000, np.uint16))
    with pytest.raises(DataError, match=r"two.png.*8-bit"):
        read_own(tmp_path, GREY)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": noise(4, 20, 20)}, r"no array `images`; it holds x"),
        ({"images": np.zeros((4, 20, 20))}, r"images is float64; give uint8"),
        ({"images": noise(20, 20)}, r"images has shape \(20, 20\)"),
        ({"images": noise(0, 20, 20)}, r"with at least one image"),
        ({"images": noise(4, 20, 20, 2)}, r"the run needs \(num, 20, 20, 1\)"),
        ({"images": np.array([{}], dtype=object)}, r"not a readable .npz of plain arrays"),
    ],
)
def test_broken_arrays_name_the_file(tmp_path, arrays, message):
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(DataError, match=rf"mine.npz: .*{message}"):
        read_own(tmp_path / "mine.npz", GREY)


def test_a_file_that_is_no_npz(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match=r"mine.npz"):
        read_own(tmp_path / "mine.npz", GREY)


def test_a_folder_is_known_by_names_sizes_and_classes_and_not_read_whole(tmp_path):
    config = ImageConfig(name="image-folder", path=str(tmp_path), test_share=0.2)

    def found():
        return fingerprint_files(image_folder(config))

    for number in range(12):
        save(tmp_path / f"class{number % 2}" / f"{number}.png", noise(20, 20 + number))
    first, path = found(), tmp_path / "class0" / "0.png"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert found() == first
    path.write_bytes(content + b"0")
    assert found() != first
    path.write_bytes(content)
    assert found() == first
    path.rename(tmp_path / "class1" / "0.png")
    assert found() != first


def test_colour_that_a_grey_encoder_does_not_see_is_told(tmp_path, recwarn):
    save(tmp_path / "grey.png", np.stack([noise(9, 9)] * 3, 2))
    read_own(tmp_path, GREY)
    assert not recwarn
    save(tmp_path / "colour.png", noise(9, 9, 3))
    read_own(tmp_path, COLOUR)
    assert not recwarn
    read_own(tmp_path, GREY)
    assert "1 of 2 images are in colour" in str(recwarn.pop(UserWarning).message)
    np.savez(tmp_path / "mine.npz", images=noise(3, 9, 9, 3))
    with pytest.warns(UserWarning, match="mine.npz: 3 of 3 images are in colour"):
        read_own(tmp_path / "mine.npz", GREY)
