import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.backbones.resnet import resnet18
from common.config.recipe import load_recipe
from common.data.images.config import ImageFacts
from common.errors import LikewiseError, UsageError
from common.export.backbone import export_backbone
from common.export.tables import embed_data
from common.results.record import record_to_json
from common.runs import loading
from common.runs.checkpoints import NAME, AtomicCheckpointIO
from common.runs.folder import RunFolder, new_run
from common.runs.loading import load_run
from common.training.fit import Experiment
from tests.samples import RECORD


class Module(torch.nn.Module):
    def __init__(self, value=0.0):
        super().__init__()
        self.backbone = torch.nn.Linear(2, 1, bias=False)
        torch.nn.init.constant_(self.backbone.weight, value)


def weight_of(module):
    return module.backbone.weight.detach()[0, 0].item()


class Data:
    facts = None  # no images

    def embed_path(self, module, path):
        return {
            "embeddings": np.full((3, 2), weight_of(module)),
            "path": np.array(str(path)),
        }


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Returns a function that makes a run whose data and module are small stand-ins."""
    monkeypatch.setattr(
        loading,
        "prepare_run",
        lambda recipe, training_follows: Experiment(recipe, Data(), Module()),
    )

    def make(*overrides):
        folder = new_run(load_recipe("swav/quick", list(overrides)), tmp_path)
        folder.unlock()
        return folder

    return make


BEST = ("evaluation.select=best", "evaluation.monitor=train/epoch_loss")


def save(run, name, value, run_id=None):
    state = {"likewise": {"run_id": run_id or run.id}, "state_dict": Module(value).state_dict()}
    AtomicCheckpointIO().save_checkpoint(state, run.checkpoints / name)


def loaded(run):
    return weight_of(load_run(run).module)


def test_the_newest_readable_weights_are_loaded_in_evaluation_mode(run):
    folder = run()
    save(folder, NAME.format(5), 5.0)
    save(folder, NAME.format(10), 10.0)
    save(folder, "best.ckpt", 1.0)
    with pytest.warns(match=f"not finished; its weights are those of {NAME.format(10)}"):
        assert loaded(folder) == 10.0, "this recipe takes the last ones"
    folder.record.write_text(record_to_json(RECORD))
    assert not load_run(folder).module.training
    (folder.checkpoints / NAME.format(10)).write_bytes(b"torn")
    assert loaded(folder) == 5.0


def test_a_recipe_that_selects_the_best_weights_gets_no_others(run):
    folder = run(*BEST)
    save(folder, NAME.format(5), 5.0)
    with pytest.raises(LikewiseError, match=r"best.ckpt.*evaluation.monitor"):
        loaded(folder)
    save(folder, "best.ckpt", 1.0)
    assert loaded(folder) == 1.0


def test_a_run_without_weights_is_said_unless_it_never_trains(run):
    with pytest.raises(LikewiseError, match="no readable checkpoint"):
        load_run(run())
    assert loaded(run("trainer.epochs=0")) == 0.0


def test_a_backbone_of_no_library_is_a_state_dict_that_says_what_it_is(run, tmp_path):
    folder = run()
    save(folder, NAME.format(5), 5.0)
    written = export_backbone(load_run(folder), folder, tmp_path / "new" / "w.pt")
    state = torch.load(written.path, weights_only=True)
    assert list(state) == ["weight"] and torch.equal(state["weight"], torch.full((1, 2), 5.0))
    assert (state.description["paper"], state.description["keys"]) == ("swav", "state-dict")
    assert written.lines[-1] == "model.load_state_dict(state)"


class Images:
    facts = ImageFacts(channels=3, size=32)


@pytest.fixture
def resnet():
    """Returns the experiment of a ResNet-18 with a stem for small images."""
    recipe = load_recipe(
        "swav/quick", ["method.backbone=resnet18", "data.mean=[0.5]", "data.std=[0.2]"]
    )
    module = torch.nn.Module()
    module.backbone = resnet18(stem=recipe.method.stem).eval()
    return Experiment(recipe, Images(), module)


def test_what_is_printed_loads_what_was_written(resnet, tmp_path):
    written = export_backbone(resnet, RunFolder(tmp_path), tmp_path / "w.pt")
    scope = {}
    exec("\n".join(written.lines), scope)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        found = scope["model"].eval()(images)
        torch.testing.assert_close(found, resnet.module.backbone(images))
    said = scope["state"].description
    assert (said["keys"], said["architecture"]) == ("torchvision", "resnet18")
    assert said["input"] == [3, 32, 32] and said["mean"] == [0.5] and said["num_features"] == 512


class GreyImages:
    facts = ImageFacts(channels=1, size=20)


def test_a_grey_encoder_says_so_and_its_lines_take_images_in_colour(tmp_path):
    recipe = load_recipe("swav/quick", ["method.backbone=resnet18"])
    module = torch.nn.Module()
    module.backbone = resnet18(channels=1, stem=recipe.method.stem).eval()
    made = Experiment(recipe, GreyImages(), module)
    written = export_backbone(made, RunFolder(tmp_path), tmp_path / "w.pt")
    scope = {}
    exec("\n".join(written.lines), scope)
    colour = torch.randint(256, (2, 3, 20, 20), dtype=torch.uint8)
    assert scope["model"](scope["transform"](colour)).shape == (2, 512)
    assert any("grey" in note for note in written.notes)


def test_safetensors_hold_the_arrays_and_say_what_they_are(resnet, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    written = export_backbone(resnet, RunFolder(tmp_path), tmp_path / "w.safetensors")
    scope = {}
    exec("\n".join(written.lines), scope)
    assert torch.equal(scope["model"].conv1.weight, resnet.module.backbone.conv1.weight)
    with safetensors.safe_open(written.path, "pt") as file:
        assert json.loads(file.metadata()["description"])["architecture"] == "resnet18"


def test_a_network_that_computes_something_else_is_not_written(resnet, tmp_path):
    resnet.module.backbone.relu = torch.nn.Identity()
    with pytest.raises(LikewiseError, match="other features"):
        export_backbone(resnet, RunFolder(tmp_path), tmp_path / "w.pt")
    assert not list(tmp_path.iterdir())


def test_detectron2_gets_its_own_names_in_a_form_that_it_loads(tmp_path):
    module = SimpleNamespace(backbone=resnet18())
    recipe = load_recipe("swav/quick", ["method.backbone=resnet18", "method.stem=imagenet"])
    experiment = Experiment(recipe, Images(), module)
    written = export_backbone(experiment, RunFolder(tmp_path), tmp_path / "w.pth", "detectron2")
    content = torch.load(written.path, weights_only=True)
    assert content["matching_heuristics"] is True and content["description"]["paper"] == "swav"
    assert torch.equal(content["model"]["stem.conv1.weight"], module.backbone.conv1.weight)
    assert "res5.1.conv2.norm.running_mean" in content["model"]


def test_a_library_without_the_network_is_refused(run, tmp_path):
    folder = run()
    save(folder, NAME.format(5), 5.0)
    with pytest.raises(UsageError, match=r"--to detectron2.*swav"):
        export_backbone(load_run(folder), folder, tmp_path / "w.pth", "detectron2")
    assert not list(tmp_path.glob("w.*"))


def test_a_module_without_backbone_is_refused(tmp_path):
    experiment = SimpleNamespace(module=object())
    with pytest.raises(UsageError, match="no backbone to export"):
        export_backbone(experiment, RunFolder(tmp_path), tmp_path / "w.pt")


def test_embeddings_come_from_the_loaded_weights(run, tmp_path):
    folder = run()
    save(folder, NAME.format(5), 5.0)
    target = tmp_path / "new" / "own.npz"
    embed_data(load_run(folder), folder.path, tmp_path / "images", target)
    with np.load(target, allow_pickle=False) as file:
        assert file["ids"].tolist() == [0, 1, 2], "rows without names are numbered"
        assert np.array_equal(file["embeddings"], np.full((3, 2), 5.0))
        assert str(file["path"]) == str(tmp_path / "images")


def test_embeddings_that_are_not_finite_are_refused_before_they_are_written(run, tmp_path):
    folder, target = run(), tmp_path / "own.npz"
    save(folder, NAME.format(5), float("nan"))
    target.write_bytes(b"former")
    said = rf"^{folder.path}: embeddings \(data: {tmp_path}/images\): 6 of 6 numbers are NaN"
    with pytest.raises(LikewiseError, match=said):
        embed_data(load_run(folder), folder.path, tmp_path / "images", target)
    assert target.read_bytes() == b"former"


def test_a_table_holds_a_row_for_each_embedding(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder, target = run(), tmp_path / "own.parquet"
    save(folder, NAME.format(5), 5.0)
    embed_data(load_run(folder), folder.path, tmp_path / "images", target)
    found = parquet.read_table(target).to_pydict()
    assert found == {"embeddings": [[5.0, 5.0]] * 3, "ids": [0, 1, 2]}
