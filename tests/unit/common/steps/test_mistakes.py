"""A mistake in what only some batches do moves the steps of the points that reach it."""

from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any

import pytest

from common.config.recipe import load_recipe
from common.config.schema import Recipe
from common.paper import get_paper
from common.steps.file_format import Steps, differing_numbers
from common.steps.of_setting import describe_data, run_measures, run_steps
from papers.autotcl.module import AutoTCL
from papers.mclrec.module import MCLRec
from papers.swav.module import SwAV

pytestmark = pytest.mark.slow
Patch = Callable[[pytest.MonkeyPatch], None]
QUEUE = "swav/quick:small-batch-queue"


@cache
def recipe_of(reference: str) -> Recipe:
    overrides = ["method.scheme=two-loop"] if reference.startswith("mclrec") else []
    return load_recipe(reference, overrides)


@cache
def shape_of(reference: str) -> dict[str, Any]:
    recipe = recipe_of(reference)
    data = get_paper(recipe.paper).data_module()(recipe.data, recipe.seed)
    data.load()
    return describe_data(data)


def steps_of(reference: str) -> Steps:
    recipe, shape = recipe_of(reference), shape_of(reference)
    size = recipe.data.batch_size or 1
    batches = recipe.trainer.epochs * (shape["samples"] // size)
    return run_steps(recipe, shape, recipe.trainer.batches or batches, recipe.trainer.epochs)


def measures_of(reference: str) -> Steps:
    return run_measures(recipe_of(reference), shape_of(reference))


right_steps, right_measures = cache(steps_of), cache(measures_of)


def changed(target: str, change: Callable[..., Any]) -> Patch:
    """Returns what puts ``change(original, *arguments)`` in the place of ``module.name``."""
    path, _, name = target.rpartition(".")

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        owner = import_module(path)
        monkeypatch.setattr(owner, name, partial(change, getattr(owner, name)))

    return patch


def method(owner: type, name: str, change: Callable[..., Any]) -> Patch:
    """Returns the same for a method: ``change(original, module, *arguments)``."""
    original = getattr(owner, name)
    return lambda monkeypatch: monkeypatch.setattr(
        owner, name, lambda *arguments: change(original, *arguments)
    )


def early_only(first: int, step: Callable[..., Any], module: Any, *arguments: Any) -> Any:
    """Leaves ``step`` out from batch ``first`` on."""
    return step(module, *arguments) if int(module.batches_seen) < first else None


def thaw_late(original: Callable[..., Any], module: SwAV) -> None:
    if int(module.batches_seen) <= module.method.freeze_batches + 1:
        module.prototypes.weight.grad = None


def always_first(original: Callable[..., Any], module: MCLRec, batch: Any, index: int) -> Any:
    return original(module, batch._replace(position=(0, *batch.position[1:])), index)


# What is wrong, where, the mistake, and the only points that may show it (none: any may).
MISTAKES: dict[str, tuple[str, Patch, tuple[str, ...]]] = {
    "the queue is not filled": (
        QUEUE,
        changed("papers.swav.module.push", lambda *_: None),
        ("queue begins", "late"),
    ),
    "the full queue is not read": (
        QUEUE,
        changed("papers.swav.module.queue_is_full", lambda *_: False),
        ("late",),
    ),
    "the freeze ends a batch late": (
        QUEUE,
        method(SwAV, "on_after_backward", thaw_late),
        ("freeze ends", "scheduled"),
    ),
    "the rarer update is left out in the end": (
        "autotcl/quick:ratio-4",
        method(AutoTCL, "update_augmenter", partial(early_only, 50)),
        ("augmenter", "late"),
    ),
    "the augmenters' epochs are the encoder's": (
        "mclrec/quick",
        method(MCLRec, "training_step", always_first),
        ("late",),
    ),
    "the schedule ends a step early": (
        "supremix/quick",
        changed("common.optim.schedules.warmup_cosine", lambda f, *a: f(*a)[:-1]),
        ("scheduled",),
    ),
    "another order of samples": (
        "autotcl/quick",
        changed("common.data.sampler.keyed_generator", lambda f, *key: f(*key, 1)),
        (),
    ),
}
WRONG_PROTOCOLS: dict[str, Patch] = {
    "swav/quick": changed(
        "common.evaluation.knn.predict_knn",
        lambda f, x, k, temperature: f(x, k, 1.001 * temperature),
    ),
    "mclrec/quick": changed(
        "common.evaluation.ranking.rank_all", lambda f, x, *_a, **_k: f(x, True)
    ),
    "meow/quick": changed("common.evaluation.node_probe._probe", lambda f, z, *a: f(1.001 * z, *a)),
    "autotcl/quick": changed(
        "common.evaluation.forecasting.choose_alpha", lambda f, *a: 1.001 * f(*a)
    ),
    "supremix/quick": changed(
        "common.evaluation.regression_probe.fit_ridge",
        lambda f, t, x, alpha: f(t, x, 1.001 * alpha),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_noticed_where_it_acts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference, patch, points = MISTAKES[name]
    right = right_steps(reference)
    patch(monkeypatch)
    found = differing_numbers(right, steps_of(reference))
    assert found
    assert not points or all(label.startswith(points) for label in found)


@pytest.mark.parametrize("reference", WRONG_PROTOCOLS)
def test_a_changed_protocol_is_noticed(reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = right_measures(reference)
    WRONG_PROTOCOLS[reference](monkeypatch)
    assert differing_numbers(right, measures_of(reference))
