"""Real sets, for tests that are skipped where the data root does not hold them."""

import os
from pathlib import Path
from typing import Any

import pytest

from common.data.catalogue.root import VARIABLE, data_root
from common.data.catalogue.sources import get_source
from common.data.images.sets import check_set
from common.data.modality import DataSets


def stored(name: str) -> Path:
    """Returns the first file of a set of the catalogue; skips the test where any is missing."""
    source = get_source(name)
    if VARIABLE not in os.environ or source.missing(data_root()):
        pytest.skip(
            f"{VARIABLE} does not hold {name}: its real data are tested only where they are"
        )
    return data_root() / source.files[0].path


def read_images(name: str, root: Path | None = None) -> dict[str, Any]:
    """Returns a set of images, checked; without ``root`` the real one, or the test is skipped."""
    if root is None:
        stored(name)
    images = DataSets("images").get(name)(None if root is None else str(root))
    check_set(name, images)
    return images
