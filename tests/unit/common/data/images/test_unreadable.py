from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torch import nn

from common.data.images.config import ImageConfig
from common.data.images.module import ImageData
from common.data.images.readers import unreadable
from common.data.images.readers.files import image_folder
from common.data.images.readers.unreadable import keep_readable
from common.errors import DataError, UsageError
from common.runs.loading import read_otherwise


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(unreadable, "CACHE", tmp_path / "cache")
    (tmp_path / "images").mkdir()
    return ImageConfig(
        name="image-folder", path=str(tmp_path / "images"), skip_unreadable=True, test_share=0.5
    )


def test_what_is_left_out_is_named_also_when_it_was_found_before(config, tmp_path, packing):
    for number, image in enumerate(packing.random(4)):
        (tmp_path / f"images/{number}.png").write_bytes(packing.encode(image))
    (tmp_path / "images/page.jpg").write_text("<html>")
    for _ in range(2):
        kept, words = keep_readable(image_folder(config), config)
        assert sum(map(len, kept.values())) == 4
        assert words == "; left out 1 unreadable: page.jpg"


def test_a_run_embeds_what_it_can_read_where_that_is_asked(config, tmp_path, packing):
    for number, image in enumerate(packing.random(4)):
        (tmp_path / f"images/{number}.png").write_bytes(packing.encode(image))
    (tmp_path / "images/1b.jpg").write_text("<html>")
    module = nn.Linear(1, 1)
    module.embed = lambda images: images.mean((2, 3))
    images = ImageData(replace(config, skip_unreadable=False), 0)
    with pytest.raises(DataError, match=r"1b.jpg: not a readable.*data.skip_unreadable=true"):
        images.embed_path(module, tmp_path / "images")
    read_otherwise(SimpleNamespace(data=images), {"skip_unreadable": True}, tmp_path)
    with pytest.warns(UserWarning, match=r"images; left out 1 unreadable: 1b.jpg"):
        found = images.embed_path(module, tmp_path / "images")
    assert found["ids"].tolist() == ["0.png", "1.png", "2.png", "3.png"]
    assert found["embeddings"].shape == (4, 3)
    with pytest.raises(UsageError, match=r"skip_unreadable: .* on digits reads all images at once"):
        read_otherwise(
            SimpleNamespace(data=ImageData(ImageConfig(name="digits"), 0)),
            {"skip_unreadable": True},
            tmp_path,
        )


@pytest.mark.parametrize("workers", [0, 1])
def test_where_none_is_readable_the_reason_is_said(config, tmp_path, workers):
    config.workers = workers
    for number in range(4):
        Image.fromarray(np.full((8, 8), 900, np.uint16)).save(tmp_path / f"images/{number}.png")
    message = r"\d\.png: pixels are not 8-bit \(mode I;16\); .*; nor can any other of these 2 imag"
    for _ in range(2):
        with pytest.raises(DataError, match=message) as caught:
            keep_readable(image_folder(config), config)
        assert "skip_unreadable" not in str(caught.value), "it is set"
