import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.catalogue.packers.dense import (
    CAMVID_NAMES,
    pack_bccd,
    pack_camvid,
    pack_faces_att,
    pack_faces_caltech,
    pack_nuclei,
)
from common.errors import DataError


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def load(content: bytes) -> dict[str, np.ndarray]:
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


def camvid_tree(folder: Path) -> np.ndarray:
    masks = np.arange(2 * 8 * 12, dtype=np.uint8).reshape(2, 8, 12) % 12
    for number, name in enumerate(("0001TP_1", "0016E5_2")):
        levels = np.full((8, 12, 3), 40 * (number + 1), np.uint8)
        write_png(folder / f"repository/CamVid/val/{name}.png", levels)
        write_png(folder / f"repository/CamVid/valannot/{name}.png", masks[number])
    return masks


def test_camvid_is_halved_and_masks_keep_their_classes(tmp_path: Path) -> None:
    masks = camvid_tree(tmp_path)
    packed = pack_camvid(tmp_path, ["camvid_small/val.npz"])
    arrays = load(packed["camvid_small/val.npz"])
    assert np.array_equal(arrays["masks"], masks[:, ::2, ::2])
    assert arrays["names"].tolist() == ["0001TP_1", "0016E5_2"]
    assert tuple(arrays["class_names"]) == CAMVID_NAMES
    first, last = arrays["offsets"][1:3]
    with Image.open(io.BytesIO(arrays["jpeg"][first:last].tobytes())) as opened:
        assert opened.size == (6, 4) and opened.getpixel((3, 2)) == (80, 80, 80)


def test_a_image_without_mask_is_named(tmp_path: Path) -> None:
    camvid_tree(tmp_path)
    (tmp_path / "repository/CamVid/valannot/0016E5_2.png").unlink()
    with pytest.raises(DataError, match=r"valannot/0016E5_2\.png"):
        pack_camvid(tmp_path, ["camvid_small/val.npz"])


ANNOTATION = """<annotation><size/>
<object><name>WBC</name><bndbox><xmin>3</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></object>
<object><name>{name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>
</annotation>"""


def bccd_tree(folder: Path, name: str = "RBC") -> None:
    tree = folder / "repository/BCCD"
    for split, stem in (("train", "b"), ("val", "a"), ("test", "c")):
        write_png(tree / f"JPEGImages/{stem}.jpg", np.full((8, 12, 3), 90, np.uint8))
        for path, text in (
            (tree / f"Annotations/{stem}.xml", ANNOTATION.format(name=name)),
            (tree / f"ImageSets/Main/{split}.txt", f"{stem}\n"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def test_blood_cells_are_halved_with_their_boxes(tmp_path: Path) -> None:
    bccd_tree(tmp_path)
    arrays = load(pack_bccd(tmp_path, ["b"])["b"])
    assert arrays["names"].tolist() == ["a", "b", "c"]
    assert arrays["split"].tolist() == ["val", "train", "test"]
    assert arrays["box_image"].tolist() == [0, 0, 1, 1, 2, 2]
    assert arrays["class_names"][arrays["box_class"]].tolist() == ["WBC", "RBC"] * 3
    assert arrays["box_xyxy"][:2].tolist() == [[1.5, 1.0, 4.5, 4.0], [0.5, 0.5, 1.0, 1.0]]
    with Image.open(io.BytesIO(arrays["jpeg"][: arrays["offsets"][1]].tobytes())) as opened:
        assert opened.size == (6, 4)


def test_an_annotation_that_is_none_is_named(tmp_path: Path) -> None:
    bccd_tree(tmp_path, name="Bacillus")
    with pytest.raises(DataError, match=r"a\.xml.*RBC.*WBC.*'Bacillus'"):
        pack_bccd(tmp_path, ["b"])
    (tmp_path / "repository/BCCD/Annotations/a.xml").write_text("<annotation>")
    with pytest.raises(DataError, match=r"a\.xml"):
        pack_bccd(tmp_path, ["b"])


def test_nuclei_are_numbered_in_the_order_of_their_files(tmp_path: Path) -> None:
    def add(name: str, side: int, *boxes: tuple[slice, slice]) -> None:
        folder = tmp_path / f"repository/stage1_train/{name}"
        colours = np.zeros((side, side, 4), np.uint8) + np.array([90, 90, 90, 255], np.uint8)
        write_png(folder / f"images/{name}.png", colours)
        for number, box in enumerate(boxes):
            mask = np.zeros((side, side), np.uint8)
            mask[box] = 255
            write_png(folder / f"masks/m{number}.png", mask)

    add("b", 256, (slice(0, 4), slice(0, 4)), (slice(3, 6), slice(3, 6)))
    add("a", 256, (slice(9, 10), slice(9, 10)))
    add("large", 300, (slice(0, 4), slice(0, 4)))
    arrays = load(pack_nuclei(tmp_path, ["n"])["n"])
    assert arrays["ids"].tolist() == ["a", "b"]
    assert arrays["images"].shape == (2, 256, 256) and set(arrays["images"].flat) == {90}
    numbers, counts = np.unique(arrays["instances"][1], return_counts=True)
    assert numbers.tolist() == [0, 1, 2] and counts[1:].tolist() == [15, 9]
    assert arrays["instances"][1, 3, 3] == 2


def write(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def test_people_and_poses_are_numbers_not_names(tmp_path: Path) -> None:
    for subject in (1, 2, 10):
        for pose in (1, 10, 2):
            grey = Image.new("L", (3, 4), 10 * subject + pose)
            write(tmp_path / f"repository/att_faces/s{subject}/{pose}.pgm", grey)
    (tmp_path / "repository/att_faces/README").touch()
    arrays = load(pack_faces_att(tmp_path, ["f"])["f"])
    assert arrays["subject"].tolist() == [0, 0, 0, 1, 1, 1, 9, 9, 9]
    assert arrays["pose"].tolist() == [1, 2, 10] * 3
    assert arrays["images"][:, 0, 0].tolist() == [11, 12, 20, 21, 22, 30, 101, 102, 110]


def test_a_broken_face_is_named(tmp_path: Path) -> None:
    write(tmp_path / "repository/att_faces/s1/1.pgm", Image.new("L", (3, 4)))
    (tmp_path / "repository/att_faces/s1/2.pgm").write_bytes(b"P5")
    with pytest.raises(DataError, match=r"s1/2\.pgm"):
        pack_faces_att(tmp_path, ["f"])


def test_the_square_at_the_centre_is_kept(tmp_path: Path) -> None:
    wide = Image.new("RGB", (400, 200), (200, 0, 0))
    wide.paste((0, 200, 0), (100, 0, 300, 200))
    write(tmp_path / "c/101_ObjectCategories/Faces_easy/image_0012.jpg", wide)
    write(tmp_path / "c/101_ObjectCategories/Faces_easy/image_0003.jpg", wide.rotate(90, expand=1))
    arrays = load(pack_faces_caltech(tmp_path, ["f"])["f"])
    assert arrays["file_number"].tolist() == [3, 12]
    for first, last in zip(arrays["offsets"], arrays["offsets"][1:], strict=False):
        with Image.open(io.BytesIO(arrays["jpeg"][first:last].tobytes())) as opened:
            pixels = np.asarray(opened).astype(int)
        assert pixels.shape == (160, 160, 3)
        # All of the square is green, but for what the encoder does at the edge.
        assert (pixels[4:-4, 4:-4, 1] > 180).all() and (pixels[4:-4, 4:-4, 0] < 20).all()
