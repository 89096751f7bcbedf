import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def write(path, images, **arrays):
    """Writes an npz of ``images`` (arrays, or bytes as they are) end to end."""
    coded = [p if isinstance(p, bytes) else encode(p) for p in images]
    arrays["offsets"] = np.cumsum([0, *map(len, coded)])
    arrays["jpeg"] = np.frombuffer(b"".join(coded), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def random(num, height=8, width=None):
    shape = (num, height, width or height, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def packing():
    """Ways to make images and pack them."""
    return SimpleNamespace(encode=encode, write=write, random=random)
