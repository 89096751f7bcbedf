import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.catalogue.packers.faces import pack_faces_att, pack_faces_caltech
from common.errors import DataError


def load(content: bytes) -> dict[str, np.ndarray]:
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


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
