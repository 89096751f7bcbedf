"""The hub's folder gives the module back; nothing is uploaded unasked, and the refusal is told."""

from dataclasses import replace

import huggingface_hub
import pytest
import torch
import yaml
from rich.console import Console

import common
from common.cli import export
from common.config.recipe import load_recipe
from common.errors import DataError, LikewiseError, UsageError
from common.export.hub import OWN_DATA, card_text, load_hub, write_hub
from common.results.record import read_record, write_record
from common.runs import loading
from common.runs.folder import new_run
from common.training.fit import Experiment

QUIET = Console(quiet=True)


@pytest.fixture
def uploads(monkeypatch):
    """Puts an object with the hub's documented calls in its place; returns what it was asked."""
    asked = []

    class Hub:
        def create_repo(self, name, **options):
            asked.append(("create", name, options))
            return f"https://host/{name}"

        def upload_folder(self, repo_id, folder_path):
            asked.append(("upload", repo_id, sorted(path.name for path in folder_path.iterdir())))

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "a token")
    return asked


@pytest.fixture
def run(tmp_path, module, record, monkeypatch):
    made = new_run(load_recipe("swav/quick"), tmp_path / "runs")
    made.unlock()
    write_record(record, made.path)
    experiment = Experiment(made.read_recipe(), None, module)
    monkeypatch.setattr(loading, "load_run", lambda _path: experiment)
    return made


def front(folder):
    text = (folder / "README.md").read_text()
    return yaml.safe_load(text.split("---\n")[1])


def test_the_folder_gives_the_module_back(module, record, tmp_path):
    write_hub(module, record, tmp_path / "hub", None)
    loaded = common.load(tmp_path / "hub")
    images = torch.rand(3, 1, 20, 20)
    assert loaded.method == module.method and not loaded.training
    assert torch.equal(loaded(images), module(images))
    assert read_record(tmp_path / "hub" / "result.json") == record


def test_a_licence_stands_only_where_the_data_allow_one(module, record, tmp_path):
    write_hub(module, record, tmp_path / "digits", None)
    assert front(tmp_path / "digits")["license"] == "apache-2.0"
    for data in ("image-folder", "cifar10-jpeg"):
        write_hub(module, replace(record, data=data), tmp_path / data, None)
        assert "license" not in front(tmp_path / data)


def test_without_being_asked_nothing_is_uploaded(run, uploads, tmp_path):
    export.export_run(run.path, None, "hub", False, QUIET)
    assert uploads == [] and (run.path / "hub" / "model.safetensors").is_file()


def test_the_whole_folder_is_uploaded_to_a_private_repository(run, uploads):
    export.export_run(run.path, None, "hub", False, QUIET, "me/mine")
    create, upload = uploads
    assert create[:2] == ("create", "me/mine") and create[2]["private"] is True
    files = ["README.md", "config.json", "model.safetensors", "result.json"]
    assert upload == ("upload", "me/mine", files)
    assert "me/mine" in (run.path / "hub" / "README.md").read_text()


def test_what_cannot_be_uploaded_is_refused_before_anything_is_written(run, uploads, monkeypatch):
    def refused(match, library="hub", name="me/mine"):
        with pytest.raises(UsageError, match=match):
            export.export_run(run.path, None, library, False, QUIET, name)
        assert uploads == [] and not (run.path / "hub").exists()

    refused("--to hub", library=None)
    refused("OWNER/NAME", name="mine")
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    refused("HF_TOKEN")
    run.record.unlink()
    refused("not finished")


def test_a_refusal_of_the_hub_is_told_and_the_folder_stays(run, uploads, monkeypatch):
    def refuse(self, name, **_options):
        raise RuntimeError("no such\n owner")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    with pytest.raises(LikewiseError, match="no such owner"):
        export.export_run(run.path, None, "hub", False, QUIET, "me/mine")
    assert (run.path / "hub" / "config.json").is_file()


@pytest.mark.parametrize("text", ["no json", "{}", '{"paper": "swav"}'])
def test_a_folder_of_others_is_told(text, module, record, tmp_path):
    write_hub(module, record, tmp_path / "hub", None)
    (tmp_path / "hub" / "config.json").write_text(text)
    with pytest.raises(DataError, match=r"config\.json"):
        load_hub(tmp_path / "hub")


def test_the_card_of_own_data_asks_for_their_terms(record):
    assert OWN_DATA not in card_text(record, ["use"])
    assert OWN_DATA in card_text(replace(record, data="image-folder"), ["use"])
