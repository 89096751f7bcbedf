"""A file of weights gives the module back on every road; its card holds the numbers of records."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from common.config.recipe import load_recipe
from common.errors import DataError, UsageError
from common.results.record import write_record
from common.runs import evaluate
from common.runs.export import embed_data
from common.runs.folder import new_run
from common.runs.loading import load_weights
from common.weights import build as building
from common.weights.build import build, checkpoint_bytes, committed, compare, store
from common.weights.card import OWN_DATA, card_text
from common.weights.release import Release, fetch, read_release
from papers.swav import SwAV

QUIET = Console(quiet=True)


@pytest.fixture
def file(tmp_path, module):
    path = tmp_path / "swav-quick.ckpt"
    path.write_bytes(checkpoint_bytes(module))
    return path


@pytest.fixture
def finished(tmp_path, module, record, monkeypatch):
    """Returns a finished run of the recipe, whose training is left out."""
    monkeypatch.setattr(building, "load_run", lambda _path: SimpleNamespace(module=module))
    run = new_run(load_recipe("swav/quick", [f"seed={record.seed}"]), tmp_path / "runs")
    run.unlock()
    write_record(record, run.path)
    return run


def test_a_stranger_loads_the_file_without_the_run(file, module):
    images = torch.rand(3, 1, 20, 20)
    loaded = SwAV.load_from_checkpoint(file).eval()
    assert loaded.method == module.method
    assert torch.equal(loaded(images), module(images))


def test_equal_weights_give_equal_bytes(module):
    first = checkpoint_bytes(module)
    assert checkpoint_bytes(module) == first
    with torch.no_grad():
        module.head[0].weight[0, 0] += 1
    assert checkpoint_bytes(module) != first


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


def test_a_release_is_built_stored_and_fetched(finished, record, tmp_path):
    out, manifest = tmp_path / "out", tmp_path / "manifest.yaml"
    manifest.write_text("# Says what it is.\nurl: https://host\nfiles: {}\n")
    built = build(str(finished.path), out, tmp_path / "runs", QUIET)
    store(built, manifest)
    assert manifest.read_text().startswith("# Says what it is.\n")
    release = read_release(manifest)
    assert release == Release(url="https://host", files={"swav/quick": built.released})
    assert built.released.bytes == (out / built.released.file).stat().st_size
    fetch(built.released, str(out), tmp_path / "here", False, QUIET)
    assert built.released.is_in(tmp_path / "here")
    card = (out / built.released.card).read_text()
    for metric in ("knn_top1", "linear_top1"):
        assert f"| {metric} | {record.metrics[f'test/{metric}']:.2f} |" in card
        assert f"{record.references['untrained'][f'test/{metric}']:.2f}" in card
    assert built.compared in card and built.released.licence in card


def test_a_recipe_is_built_by_repeating_its_first_record(finished, record, tmp_path, monkeypatch):
    repeated = []
    ready = replace(record, run_id=finished.id)

    def start(recipe, root, _console):
        repeated.append((recipe.hash(), recipe.seed))
        write_record(ready, finished.path)
        return ready

    monkeypatch.setattr(building, "start", start)
    built = build("swav", tmp_path / "out", tmp_path / "runs", QUIET)
    assert repeated == [(record.config_hash, record.seed)]
    assert built.released.record == committed(record).records[0].filename


def test_what_no_record_speaks_for_is_not_built(finished, record, tmp_path):
    def refused(match):
        with pytest.raises(UsageError, match=match):
            build(str(finished.path), tmp_path / "out", tmp_path / "runs", QUIET)
        assert not (tmp_path / "out").exists()

    write_record(replace(record, config_hash="0" * 10), finished.path)
    refused("other settings")
    unseen = {**record.config, "seed": 2**20}
    write_record(replace(record, seed=2**20, config=unseen), finished.path)
    refused("no record")
    finished.record.unlink()
    refused("not finished")


def test_numbers_that_differ_are_told(record):
    assert compare(record, record).startswith("all ")
    metrics = {**record.metrics, "test/knn_top1": record.metrics["test/knn_top1"] + 0.5}
    assert "test/knn_top1 the most: by 0.5" in compare(replace(record, metrics=metrics), record)


def test_the_card_of_own_data_asks_for_their_terms(record):
    assert OWN_DATA not in card_text(record, ["use"])
    assert OWN_DATA in card_text(replace(record, data="image-folder"), ["use"])
