"""Recipes are built without their data, variants too in slow runs: module, optimizer, rates."""

from dataclasses import replace

import numpy as np
import pytest

from common.config.schema import OptimizerConfig, Recipe
from common.data.catalogue.sources import load_sources
from tests.recipes import (
    EVERY,
    IMAGES,
    SAMPLE,
    build,
    expected_rate,
    load,
    optimizers,
    stage_tables,
    steps_per_epoch,
    tables,
)

# What a variant changes seldom shows here: those of recipes other than `quick` are for slow runs.
REFERENCES = [
    pytest.param(name, marks=() if name in SAMPLE else pytest.mark.slow) for name in EVERY
]


@pytest.mark.parametrize("reference", REFERENCES)
def test_module_optimizer_and_rates_can_be_made(reference: str) -> None:
    recipe = load(reference)
    if getattr(recipe.method, "open_clip", None):  # the architecture is the library's
        pytest.importorskip("open_clip")
    module = build(recipe)
    made = optimizers(recipe, module)
    held = {
        id(weight)
        for entry in made
        for group in (entry["optimizer"] if isinstance(entry, dict) else entry).param_groups
        for weight in group["params"]
    }
    lacking = [n for n, p in module.named_parameters() if p.requires_grad and id(p) not in held]
    assert not lacking, "no optimizer moves them"
    if recipe.trainer.epochs == 0:  # nothing is trained, and no rate is used
        return
    steps = -(-steps_per_epoch(recipe) // recipe.trainer.accumulate)
    for table in tables(made):
        for rates, epochs, part in stage_tables(recipe, module, table):
            check_table(*in_batches(recipe, rates, epochs, steps), part)


def in_batches(
    recipe: Recipe, rates: OptimizerConfig, epochs: int, steps: int
) -> tuple[OptimizerConfig, int, int]:
    """Returns rates, epochs and steps an epoch; a warm-up of batches counts each as an epoch."""
    warmup = getattr(recipe.method, "warmup_batches", 0)
    if not warmup:
        return rates, epochs, steps
    first = rates.lr / warmup
    return replace(rates, warmup_epochs=warmup, warmup_start_lr=first), steps * epochs, 1


def check_table(rates: OptimizerConfig, epochs: int, steps: int, table: np.ndarray) -> None:
    warmup = steps * rates.warmup_epochs
    assert len(table) == steps * epochs
    assert np.isfinite(table).all() and (table >= 0).all()
    if not len(table):  # a stage that the training leaves no epoch
        return
    assert table.max() == pytest.approx(rates.lr)
    # The end of the warm-up, the base rate again, and the end.
    places = {0, max(warmup - 1, 0), min(warmup, len(table) - 1), len(table) // 2, len(table) - 1}
    for step in places:
        assert table[step] == pytest.approx(expected_rate(rates, epochs, step, steps), rel=1e-9), (
            step
        )


@pytest.mark.parametrize("name", sorted(set(IMAGES) & set(load_sources())))
def test_the_counts_of_the_table_are_those_of_the_catalogue(name: str) -> None:
    counted = [
        count
        for file in load_sources()[name].files
        for key, count in file.counts.items()
        if key in ("labels", "y_train", "is_test")
    ]
    if name == "caltech101":  # one file with both splits, 1,695 of them for test
        counted = [count - 1_695 for count in counted]
    assert not counted or IMAGES[name][0] in counted


def test_a_rate_that_is_wrong_would_be_seen() -> None:
    recipe = load("swav/quick")
    (table,) = tables(optimizers(recipe, build(recipe)))
    steps = steps_per_epoch(recipe)
    check_table(recipe.optimizer, recipe.trainer.epochs, steps, table)
    for broken in (table[:-1], np.append(table[:-1], np.nan), np.roll(table, 1)):
        with pytest.raises(AssertionError):
            check_table(recipe.optimizer, recipe.trainer.epochs, steps, broken)
