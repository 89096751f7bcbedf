"""An unknown key is told where it belongs: with its full path, in whichever section that is."""

import re
import time
from dataclasses import fields
from typing import Any

import pytest

from common.config.recipe import SECTIONS, load_recipe, resolve
from common.errors import ConfigError
from common.evaluation.config import section_name
from common.nearest import elsewhere, nearest_key
from common.paper import get_paper, paper_names


def refusal(layer: dict[str, Any], paper: str = "swav") -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(paper, "quick", None, [("own.yaml", layer)])
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        # The section is another or none, the name is right.
        ("model.lr", "optimizer.lr"),
        ("lr", "optimizer.lr"),
        ("data.lr", "optimizer.lr"),
        ("method.optimizer.lr", "optimizer.lr"),
        ("train.epochs", "trainer.epochs"),
        ("optimizer.epochs", "trainer.epochs"),
        ("trainer.batch_size", "data.batch_size"),
        ("data.seed", "seed"),
        ("knn.k", "evaluation.knn.k"),
        ("evaluation.k", "evaluation.knn.k"),
        ("linear.lr", "evaluation.linear.lr"),
        ("dataset.name", "data.name"),
        # Neither is.
        ("method.batchsize", "data.batch_size"),
        ("tempreature", "method.temperature"),
        ("data.epoch", "trainer.epochs"),
        # A mapping in a list has no path of its own.
        ("data.size", "data.views=[{size: ...}]"),
        ("data.views[0].size", "data.views=[{size: ...}]"),
        ("data.views.size", "data.views=[{size: ...}]"),
        ("data.views.0.size", "data.views=[{size: ...}]"),
        # What is near in the section itself comes first.
        ("optimizer.lrr", "optimizer.lr"),
        ("optimizer.decay", "optimizer.weight_decay"),  # there is evaluation.finetune.decay
        ("trainer.max_epochs", "trainer.epochs"),
        ("evaluation.knn.kk", "evaluation.knn.k"),
        # As other projects call them.
        ("learning_rate", "optimizer.lr"),
        ("optimizer.learning_rate", "optimizer.lr"),
        ("gpus", "trainer.devices"),
        ("trainer.num_gpus", "trainer.devices"),
        ("max_epochs", "trainer.epochs"),
        ("num_epochs", "trainer.epochs"),
        ("batch_size", "data.batch_size"),
        ("wandb", "tracking.mode"),
        ("wandb.project", "tracking.project"),
    ],
)
def test_an_unknown_key_is_told_its_place(key, meant):
    message = f"own.yaml: unknown key {key!r}; did you mean {meant!r}?"
    assert refusal({key: 1}) == message


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"model": {"lr": 1}}, "unknown key 'model.lr'; did you mean 'optimizer.lr'?"),
        ({"optimiser": {"lr": 1}}, "unknown key 'optimiser.lr'; did you mean 'optimizer.lr'?"),
        ({"model": {}}, "unknown key 'model'; known: arm, "),
        ({"model": "resnet18"}, "unknown key 'model'; known: arm, "),  # not tracking.mode
        ({"data": {"view": {"size": 1}}}, "unknown key 'data.view'; did you mean 'data.views'?"),
        ({"optimizer.lr.name": 1}, "'optimizer.lr.name'; did you mean 'optimizer.name'?"),
        ({"optimizer.lr.foo": 1}, "'optimizer.lr.foo'; optimizer.lr is no section"),
        (
            {"data.views.0.sizes": 1},
            "'data.views.0.sizes'; data.views is a list, given as a whole: "
            "data.views='[{KEY: VALUE}, ...]'",
        ),
        (
            {"data.mean.0": 1},
            "'data.mean.0'; data.mean is a list, given as a whole: data.mean='[VALUE, ...]'",
        ),
        # Not optimizer.name, method.stem and data.name, which are like these in their section.
        (
            {"evaluation.linear.learning_rate": 1},
            "'evaluation.linear.learning_rate'; known in evaluation.linear: ",
        ),
        ({"optimizer.amsgrad": 1}, "'optimizer.amsgrad'; known in optimizer: beta1, "),
        ({"method.xyzzy": 1}, "'method.xyzzy'; known in method: "),
        ({"data.augment": 1}, "'data.augment'; known in data: "),
        ({"evaluation.knn.foo": 1}, "'evaluation.knn.foo'; known in evaluation.knn: "),
        ({"optimizer.betas": 1}, "'optimizer.betas'; did you mean 'optimizer.beta2'?"),
    ],
)
def test_so_is_a_section_and_nothing_far_is_offered(layer, message):
    assert message in refusal(layer)


@pytest.mark.parametrize("paper", paper_names())
def test_every_key_of_a_paper_is_found_from_a_section_that_is_none(paper):
    recipe = load_recipe(paper)
    schema = {name: getattr(recipe, name) for name in SECTIONS}
    for name in {entry.name for section in ("data", "method") for entry in fields(schema[section])}:
        homes = "|".join(home for home in SECTIONS if hasattr(schema[home], name))
        hint = elsewhere(f"model.{name}", [], schema)
        assert re.fullmatch(rf"; did you mean '({homes})\.{name}'\?", hint), (name, hint)


@pytest.mark.parametrize("paper", paper_names())
def test_a_key_is_itself_whatever_has_its_name_elsewhere(paper):
    recipe = load_recipe(paper)
    schema = {name: getattr(recipe, name) for name in SECTIONS}
    keys = [f"{name}.{entry.name}" for name in SECTIONS for entry in fields(schema[name])]
    first = section_name(get_paper(paper).protocols[0])
    settings = getattr(schema["evaluation"], first)
    keys += [f"evaluation.{first}.{entry.name}" for entry in fields(settings)]
    assert [nearest_key(key, [], schema) for key in keys] == keys


@pytest.mark.parametrize("section", ["", "data."])
def test_a_text_for_a_key_is_refused_at_once(section):
    before = time.process_time()
    assert "far far " in refusal({section + "far " * 5000: None})
    assert time.process_time() - before < 2
