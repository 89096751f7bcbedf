"""Every variant of every image paper can be planned for a folder of images, kept and trained."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from rich.console import Console

from common.cli.compare import compare_command
from common.cli.export import export_run
from common.cli.train import train_words
from common.config.recipe import load_recipe, take_variants
from common.config.references import is_method, read_recipe, recipe_path
from common.data.images.config import ImageFacts
from common.own_data.plan import make_plan
from common.own_data.show import save_plan
from common.paper import get_paper, paper_names
from common.registry import METHODS
from tests.recipes import EVERY, load
from tests.unit.common.own_data.test_plan import write_images

pytestmark = pytest.mark.filterwarnings("ignore")
FORM = "image-folder"
CLASSES = {"a": 20, "b": 20, "c": 20}
# With a queue of keys, a memory of all images, and a decoder of one view.
FAST = ("moco", "swav:deepcluster-v2", "cmim")


def papers() -> list[str]:
    found = [paper for paper in map(get_paper, paper_names()) if paper.data_sets.knows(FORM)]
    return [paper.name for paper in found if paper.target in ("none", "class")]


def references(paper: str) -> list[str]:
    """Returns the recipes that a path leads to, and each of their variants."""
    declared = get_paper(paper)
    found = []
    for recipe in sorted({declared.default_recipe, declared.own_data.get(FORM, "quick")}):
        path = recipe_path(paper, recipe)
        variants = take_variants(read_recipe(path), path)
        found += [f"{paper}/{recipe}", *(f"{paper}/{recipe}:{name}" for name in variants)]
    return found


def trained() -> Iterator[Any]:
    """Yields what a path can stand behind: papers, shared methods, and each variant by its name.

    What is the same training as one before it is left out.
    """
    names = [*papers(), *METHODS["images"]]
    names += [f"{paper}:{one.partition(':')[2]}" for paper in papers() for one in references(paper)]
    seen = set[str]()
    for name in dict.fromkeys(names):
        paper, _, variant = name.partition(":")
        recipes = () if is_method(name) else ("photos", "quick")
        known = [f"{paper}/{recipe}{':' * bool(variant)}{variant}" for recipe in recipes]
        made = next((load(one).hash() for one in known if one in EVERY), name)
        if made not in seen and not name.endswith(":"):
            yield pytest.param(name, marks=[pytest.mark.slow] if name not in FAST else [])
        seen.add(made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("own") / "images", CLASSES)


def keep(reference: str, folder: Path, file: Path, *words: str) -> None:
    """Plans, checks as training does before its first step, and reads what was kept."""
    plan = make_plan(reference, str(folder), list(words))
    if hasattr(plan.recipe.method, "check_facts"):
        plan.recipe.method.check_facts(ImageFacts(num_samples=48, num_classes=len(CLASSES)))
    save_plan(plan, file)
    kept, planned = load_recipe(str(file)).to_dict(), plan.recipe.to_dict()
    for name in ("recipe", "variant"):
        del kept[name], planned[name]
    assert kept == planned


@pytest.mark.parametrize("paper", papers())
def test_each_variant_is_planned_and_kept(paper, folder, tmp_path):
    for number, reference in enumerate(references(paper)):
        keep(reference, folder, tmp_path / f"own{number}.yaml")


@pytest.mark.parametrize("baseline", METHODS["images"])
def test_a_baseline_of_the_users_is_the_variant_of_that_name(baseline, folder, tmp_path):
    keep("mochi", folder, tmp_path / "own.yaml", f"baseline={baseline}")
    made = [
        make_plan(*words)
        for words in (
            ("mochi", str(folder), [f"baseline={baseline}"]),
            (f"mochi:{baseline}", str(folder), []),
        )
    ]
    assert made[0].recipe.hash() == made[1].recipe.hash()


def test_a_variant_of_quick_alone_says_what_it_can_be_set_beside(folder):
    (note,) = [one for one in make_plan("swav:eps05", str(folder), []).notes if "beside" in one]
    assert "swav/quick:eps05" in note and "papers train swav/quick" in note
    assert not [one for one in make_plan("swav:simclr", str(folder), []).notes if "beside" in one]


def test_the_plan_fits_what_a_variant_or_a_baseline_sets_for_other_data(folder):
    def method(*words: str):
        return make_plan(words[0], str(folder), list(words[1:])).recipe.method

    assert method("mochi", "baseline=moco", "method.batch_norm_groups=1").queue_length <= 24
    hard = method("mochi:any-keys")
    assert hard.num_hard == hard.queue_length <= 24
    assert max(method("swav/cifar10:deepcluster-v2").num_prototypes) < 10
    assert method("amcl/cifar10:on-barlow-twins").channel_batch == 16
    assert method("sepclr:no-joint").target_from == 1


@pytest.mark.parametrize("reference", list(trained()))
def test_it_is_trained_from_the_kept_plan(reference, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [str(folder), "trainer.epochs=1", "data.workers=0", "tracking.mode=disabled"]
    words += ["tracking.plots=false", "evaluation.references=[]"]
    file = tmp_path / "own.yaml"
    train_words(reference, words, tmp_path / "runs", Console(quiet=True), save=file)
    assert file.is_file() and list(tmp_path.glob("runs/*/own/*/result.json"))


def test_runs_of_two_papers_are_compared_and_torchvision_opens_their_encoder(
    folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    words = [str(folder), "trainer.epochs=1", "data.workers=0", "tracking.mode=disabled"]
    words += ["tracking.plots=false", "evaluation.references=[]"]
    for reference in ("moco", "hydra"):
        train_words(reference, words, Path("runs"), Console(width=200))
    assert "no reported number" not in capsys.readouterr().out
    runs = sorted(tmp_path.glob("runs/*/*/*"))
    compare_command([str(run) for run in runs])
    said = capsys.readouterr().out
    assert "2 arms" in said and "knn_top1" in said
    for run in runs:
        export_run(run, None, None, False, Console(quiet=True))
        model = torchvision.models.resnet18()
        model.fc = torch.nn.Identity()
        model.load_state_dict(torch.load(run / "backbone.pt", weights_only=True))


def test_all_papers_and_methods_are_measured_alike_and_equal_methods_are_one_setting(folder):
    """So that `papers compare` sets any two of them side by side."""
    made = {
        name: make_plan(name, str(folder), []).recipe for name in [*papers(), *METHODS["images"]]
    }
    assert {tuple(one.evaluation.protocols) for one in made.values()} == {("knn", "linear")}
    assert len({(one.data.test_share, one.data.holdout) for one in made.values()}) == 1
    plain = made["simclr"]
    for name, one in made.items():
        assert one.recipe == "photos"  # with a rate that pilots chose, or that of all others
        assert replace(one.optimizer, lr=plain.optimizer.lr) == plain.optimizer
        assert (one.trainer.epochs, one.data.batch_size) == (
            plain.trainer.epochs,
            plain.data.batch_size,
        )
        assert one.data.views[0] == plain.data.views[0] or name == "cmim"  # it has one view
    backbones = {name: one.method.backbone for name, one in made.items() if name != "pixpro"}
    assert set(backbones.values()) == {"resnet18"}
    for paper in papers():
        for method in METHODS["images"]:
            other = make_plan(f"{paper}:{method}", str(folder), []).recipe
            assert other.hash() == made[method].hash() or (paper, method) == ("pixpro", "simclr")
