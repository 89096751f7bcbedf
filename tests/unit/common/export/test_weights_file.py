"""A run's data and module with the weights of a file: embedded with, measured, or refused."""

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from common.config.recipe import load_recipe
from common.errors import DataError
from common.export.tables import embed_data
from common.runs import evaluate
from common.runs.loading import load_weights

QUIET = Console(quiet=True)


@pytest.fixture
def file(tmp_path, module):
    path = tmp_path / "swav-quick.ckpt"
    torch.save({"state_dict": module.state_dict()}, path)
    return path


def test_the_command_embeds_with_the_file(file, module, tmp_path):
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images" / "one.png")
    loaded = load_weights(load_recipe("swav/quick"), file)
    assert loaded.own and loaded.left_out is None
    found = embed_data(loaded.experiment, file, tmp_path / "images", tmp_path / "vectors.npz")
    image = torch.from_numpy(pixels)[None, None] / 255
    mean, std = load_recipe("swav/quick").data.mean, load_recipe("swav/quick").data.std
    assert not mean and not std, "the recipe does not normalise"
    with torch.no_grad():
        assert np.allclose(found["embeddings"], module(image).numpy(), atol=1e-5)


def test_what_is_measured_with_the_file_stands_beside_no_reported_number(file, tmp_path):
    recipe = load_recipe("swav/quick")
    record = evaluate.evaluate_weights(recipe, file, ["knn"], tmp_path / "runs", QUIET)
    assert record.scaled and record.scaled_reason == evaluate.OWN_WEIGHTS


@pytest.mark.parametrize("reference", ["swav/quick", "hydra/quick"])
def test_weights_of_another_recipe_are_refused(reference, module, tmp_path):
    state = {name: array[..., :1] for name, array in module.state_dict().items() if array.dim()}
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(DataError, match=r"other\.pt"):
        load_weights(load_recipe(reference), tmp_path / "other.pt")
