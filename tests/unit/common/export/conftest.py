"""A module of `swav/quick` with weights of its own, and a committed record of that recipe."""

import pytest
import torch

from common.config.checkout import SOURCE_ROOT
from common.config.recipe import load_recipe
from common.data.images.config import ImageFacts
from common.results.record import read_record
from papers.swav import SwAV


@pytest.fixture
def module() -> SwAV:
    torch.manual_seed(5)
    return SwAV(load_recipe("swav/quick").method, facts=ImageFacts(1, 20, 10, 5188)).eval()


@pytest.fixture
def record():
    config_hash = load_recipe("swav/quick").hash()
    paths = sorted((SOURCE_ROOT / "results").glob("swav/quick-s*.json"))
    return next(one for one in map(read_record, paths) if one.config_hash == config_hash)
