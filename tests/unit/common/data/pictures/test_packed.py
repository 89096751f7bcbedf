import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.data.pictures.config import PictureConfig, ViewConfig
from common.data.pictures.module import PictureData
from common.data.pictures.packed import read_packed
from common.errors import DataError

DATA = os.environ.get("LIKEWISE_DATA")


def encode(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def pack(path, pictures, labels=None):
    coded = [p if isinstance(p, bytes) else encode(p) for p in pictures]
    offsets = np.cumsum([0, *map(len, coded)])
    labels = np.arange(len(coded), dtype=np.uint8) if labels is None else labels
    blob = np.frombuffer(b"".join(coded), np.uint8)
    np.savez(path, jpeg=blob, offsets=offsets, labels=labels)
    return path


def random_pictures(num, side=8):
    return np.random.default_rng(0).integers(0, 256, (num, side, side, 3), dtype=np.uint8)


def test_pictures_come_back_channel_first(tmp_path):
    pictures = random_pictures(3)
    split = read_packed(pack(tmp_path / "a.npz", pictures))
    assert torch.equal(split.pictures, torch.from_numpy(pictures.transpose(0, 3, 1, 2)))
    assert split.labels.tolist() == [0, 1, 2] and split.labels.dtype == torch.int64


def test_a_broken_file_or_picture_is_named(tmp_path):
    pictures = list(random_pictures(3))
    with pytest.raises(DataError, match=r"b\.npz: picture 1 cannot be decoded"):
        read_packed(pack(tmp_path / "b.npz", [pictures[0], b"not a picture", pictures[2]]))
    with pytest.raises(DataError, match=r"picture 2 is \(3, 4, 4\), not \(3, 8, 8\)"):
        read_packed(pack(tmp_path / "c.npz", [*pictures[:2], pictures[2][:4, :4]]))
    with pytest.raises(DataError, match="offsets do not fit 2 labels"):
        read_packed(pack(tmp_path / "d.npz", pictures, np.zeros(2, np.uint8)))
    whole = pack(tmp_path / "e.npz", pictures).read_bytes()
    (tmp_path / "f.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"f\.npz: not a set of packed pictures"):
        read_packed(tmp_path / "f.npz")


def test_a_missing_set_says_how_to_get_it(tmp_path):
    data = PictureData(PictureConfig(name="cifar10-jpeg", root=str(tmp_path)), 0)
    with pytest.raises(DataError, match="papers data prepare cifar10-jpeg"):
        data.load()


@pytest.mark.slow
@pytest.mark.skipif(
    not DATA or not (Path(DATA) / "cifar10_jpeg").is_dir(),
    reason="LIKEWISE_DATA does not hold cifar10_jpeg",
)
def test_the_real_set_has_the_known_counts_and_mean():
    views = [ViewConfig(count=2, jitter=0.8, grey=0.2), ViewConfig(count=6, size=18)]
    data = PictureData(PictureConfig(name="cifar10-jpeg", views=views, holdout=0.0), 0)
    data.load()
    train = data.set["train"]
    assert train.pictures.shape == (50_000, 3, 32, 32)
    assert train.labels.bincount().tolist() == [5000] * 10
    assert data.set["test"].labels.bincount().tolist() == [1000] * 10
    pixels = train.pictures.double() / 255
    known = torch.tensor([0.4913, 0.4821, 0.4465]).double()
    torch.testing.assert_close(pixels.mean((0, 2, 3)), known, rtol=0, atol=1e-4)
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert [view.shape[-1] for view in batch.views] == [32] * 2 + [18] * 6
