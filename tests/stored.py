"""Real sets, for tests that are skipped where the data root does not hold them."""

import os
from pathlib import Path

import pytest

from common.data.root import VARIABLE, data_root
from common.data.sources import get_source


def stored(name: str) -> Path:
    """Returns the first file of a set of the catalogue; skips the test where any is missing."""
    source = get_source(name)
    if VARIABLE not in os.environ or source.missing(data_root()):
        pytest.skip(
            f"{VARIABLE} does not hold {name}: its real data are tested only where they are"
        )
    return data_root() / source.files[0].path
