"""Recipes made real without their data: counts of the sets, modules without memory, rates."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from common.config.recipe import load_recipe, take_variants
from common.config.references import read_recipe, recipe_names, recipe_path
from common.config.schema import OptimizerConfig, Recipe, section_defaults
from common.data.catalogue.sources import load_sources
from common.data.images.config import ImageFacts
from common.data.targets.regression.config import RegressionFacts
from common.optim.schedules import TableLR
from common.paper import get_paper, paper_names
from common.registry import load as load_target
from common.training.stages import first_epochs


def list_recipes(paper: str) -> dict[str, list[str]]:
    """Returns ``{recipe: [variants]}`` of ``paper``."""
    paths = [recipe_path(paper, name) for name in recipe_names(paper)]
    return {path.stem: list(take_variants(read_recipe(path), path)) for path in paths}


EVERY = [
    f"{paper}/{recipe}{variant}"
    for paper in paper_names()
    for recipe, variants in list_recipes(paper).items()
    for variant in ("", *(f":{name}" for name in variants))
]
# Variants differ in values, not in form, except baselines, which each quick recipe has.
SAMPLE = [name for name in EVERY if ":" not in name or "/quick:" in name]
# One variant of each baseline of `quick`: others write the keys of one of these, or the paper's.
BASELINES = {
    (paper, values["baseline"]): f"{paper}/quick:{name}"
    for paper in paper_names()
    for name, values in (read_recipe(recipe_path(paper, "quick")).get("variants") or {}).items()
    if "baseline" in values
}
# For what depends on a recipe's keys; the other variants repeat it in slow runs.
ROUND_TRIPS = [
    pytest.param(
        name, marks=() if ":" not in name or name in BASELINES.values() else pytest.mark.slow
    )
    for name in SAMPLE
]
load = cache(load_recipe)
# Training samples, channels and classes of images where the catalogue does not count them so.
IMAGES = {
    "caltech101": (6_982, 3, 101),
    "cifar10-jpeg": (50_000, 3, 10),
    "cifar10": (50_000, 3, 10),
    "cifar10-jpeg-fashion": (50_000, 3, 200),
    "cifar10-mnist": (50_000, 3, 200),
    "cifar100": (50_000, 3, 100),
    "coloured-digits": (2_594, 3, 80),
    "digit-bars": (2_594, 1, 80),
    "digits": (1_297, 1, 10),
    "fashion-mnist": (10_000, 1, 10),
    "fashion-mnist-full": (60_000, 1, 10),
    "imagenet": (1_281_167, 3, 1_000),
    "imagenet100": (126_689, 3, 100),
    "scattered-digits": (5_188, 1, 10),
    "stl10": (105_000, 3, 10),
    "tiny-imagenet": (100_000, 3, 200),
}

# Shapes of inputs, where a backbone does not take any.
SHAPES = {"stsb": (2, 2048)}


FUNCTIONS_AND_SETTINGS = {
    name: get_paper(paper).protocol(name)
    for paper in paper_names()
    for name in get_paper(paper).protocols
}
# The dataclass of every protocol that a paper declares.
PROTOCOLS = {name: load_target(settings) for name, (_, settings) in FUNCTIONS_AND_SETTINGS.items()}


def measure(name: str, inputs: Any, settings: Any = None) -> dict[str, float]:
    """Returns what protocol ``name`` finds of ``inputs``, by default with default settings."""
    function = load_target(FUNCTIONS_AND_SETTINGS[name][0])
    found: dict[str, float] = function(inputs, settings or PROTOCOLS[name](), 0)
    return found


def evaluation(paper: str, **values: Any) -> Any:
    """Returns the ``evaluation:`` section of ``paper`` with ``values``."""
    return replace(section_defaults(get_paper(paper), None)["evaluation"], **values)


def num_samples(recipe: Recipe) -> int:
    """Returns the training samples: of the table, of the catalogue, or a number to count with."""
    name = recipe.data.name
    if name in IMAGES:
        total = IMAGES[name][0]
    else:
        files = load_sources()[name].files if name in load_sources() else ()
        counts = [file.counts.get(key, 0) for file in files for key in ("labels", "lines")]
        total = max(counts, default=0) or 1_000
    return total - round(total * getattr(recipe.data, "holdout", 0.0))


def steps_per_epoch(recipe: Recipe) -> int:
    if getattr(recipe.data, "batch_size", None) is None:
        return 1  # a graph is one batch
    return max(num_samples(recipe) // recipe.data.batch_size, 1)


def build(recipe: Recipe) -> Any:
    """Returns the module, without memory for its weights."""
    facts: Any = None
    if recipe.data.name in SHAPES:
        facts = RegressionFacts(SHAPES[recipe.data.name])
    if recipe.data.name in IMAGES:
        _, channels, classes = IMAGES[recipe.data.name]
        size = max(view.size for view in recipe.data.views)
        facts = ImageFacts(channels, size, classes, num_samples(recipe))
    method = recipe.method
    if hasattr(method, "encoder"):  # not from a checkpoint, which is not here
        method = replace(method, encoder=replace(method.encoder, checkpoint=None))
    if getattr(method, "open_clip", None):  # our own encoders: the library need not be here
        others = {"new_projectors": False} if hasattr(method, "new_projectors") else {}
        method = replace(method, open_clip=None, initial_weights=None, **others)
    with torch.device("meta"):
        return get_paper(recipe.paper).module(recipe.baseline)(method, recipe.optimizer, facts)


def optimizers(recipe: Recipe, module: Any) -> list[Any]:
    """Returns what ``configure_optimizers`` gives, as a list, with a trainer of these counts."""
    batches, accumulate = steps_per_epoch(recipe), recipe.trainer.accumulate
    module._trainer = SimpleNamespace(
        max_epochs=recipe.trainer.epochs,
        num_training_batches=batches,
        accumulate_grad_batches=accumulate,
        estimated_stepping_batches=-(-batches // accumulate) * recipe.trainer.epochs,
        log_every_n_steps=0,
    )
    made = module.configure_optimizers()
    if isinstance(made, tuple):  # optimizers, schedulers
        return [
            {"optimizer": optimizer, "lr_scheduler": scheduler}
            for optimizer, scheduler in zip(*made, strict=True)
        ]
    return made if isinstance(made, list) else [made]


def tables(made: list[Any]) -> Iterator[np.ndarray]:
    """Yields the learning-rate table of each optimizer that has one of ours."""
    for entry in made:
        scheduler = entry.get("lr_scheduler") if isinstance(entry, dict) else None
        scheduler = scheduler.get("scheduler") if isinstance(scheduler, dict) else scheduler
        if isinstance(scheduler, TableLR):
            yield scheduler.table


def stage_tables(
    recipe: Recipe, module: Any, table: np.ndarray
) -> Iterator[tuple[OptimizerConfig, int, np.ndarray]]:
    """Yields rates, epochs and table of each stage, or of the training that has none."""
    stages, epochs = getattr(module, "stages", None), recipe.trainer.epochs
    if stages is None or isinstance(stages, torch.nn.Module):
        yield recipe.optimizer, epochs, table
        return
    firsts = [*first_epochs(stages), epochs]
    for stage, (first, end) in zip(stages, pairwise(firsts), strict=True):
        steps = len(table) // max(epochs, 1)
        yield stage.rates, end - first, table[first * steps : end * steps]


def expected_rate(config: OptimizerConfig, epochs: int, step: int, steps: int) -> float:
    """The dossier's formula at one step, written out."""
    warmup = steps * config.warmup_epochs
    if step < warmup:
        # Both ends are in the warm-up, unless what follows alone has the base rate.
        once = config.peak_once or config.schedule == "linear"
        share = step / max(warmup - (not once), 1)
        return config.warmup_start_lr + share * (config.lr - config.warmup_start_lr)
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "steps":
        return config.lr * config.step_factor ** (step // steps // config.step_epochs)
    length = steps * (epochs - config.warmup_epochs)
    if config.schedule == "linear":
        return config.lr + (config.final_lr - config.lr) * (step - warmup) / length
    half = (config.lr - config.final_lr) / 2
    return config.final_lr + half * (1 + math.cos(math.pi * (step - warmup) / length))
