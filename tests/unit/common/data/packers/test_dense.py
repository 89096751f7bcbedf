import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.packers.dense import CAMVID_NAMES, pack_camvid, pack_nuclei
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


def test_a_picture_without_mask_is_named(tmp_path: Path) -> None:
    camvid_tree(tmp_path)
    (tmp_path / "repository/CamVid/valannot/0016E5_2.png").unlink()
    with pytest.raises(DataError, match=r"valannot/0016E5_2\.png: not a readable picture"):
        pack_camvid(tmp_path, ["camvid_small/val.npz"])


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
