"""The steps of a setting: from its recipe and the shape of its data to what is stored."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from common.config.schema import Recipe
from common.data.contract import RunData
from common.data.synthetic import source_of
from common.paper import get_paper
from common.runs.environment import installed_versions
from common.settings import collect_changes
from common.steps.file_format import ILL_CONDITIONED, INPUT_SHARE, Steps, differences
from common.steps.float64 import in_float64
from common.steps.measuring import take_measures
from common.steps.points import Length, own_part
from common.steps.take import Taken, as_taken, take_steps

SEED = 20_260_101
# Rows of a split, so that its measures are no accident; of large images with maps of classes.
FEWEST, FEWEST_MAPPED = 256, 32
# A long series has large networks: sections of a batch, forecasts of a part, and how far ahead.
SECTIONS, FORECASTS, HORIZON = 8, 64, 168


def describe_data(data: RunData) -> dict[str, Any]:
    """Returns what `run_steps` must know of a real set, as JSON holds it: form and samples."""
    data.train_dataloader()
    assert data._sampler is not None
    return {**source_of(type(data)).shape_of(data), "samples": data._sampler.num_samples}


def run_steps(
    recipe: Recipe, shape: dict[str, Any], batches: int, epochs: int, sensitive: bool = False
) -> Steps:
    """Takes the steps of ``recipe`` at each of its points and returns what they computed.

    Args:
        recipe: Recipe of the record.
        shape: From `describe_data`.
        batches: Batches of the record's whole training.
        epochs: Epochs of it.
        sensitive: Whether to run again on moved inputs, to tell what is ill-conditioned.
    """
    size = recipe.global_batch
    taken, made = _prepared(_with_batch(recipe, shape, min(size, SECTIONS)), shape)
    samples = shape["samples"]
    if taken.global_batch != size:  # an epoch has as many batches all the same
        samples = samples // size * taken.global_batch
    length = Length(batches, epochs, samples)
    return _stated(
        recipe, shape, lambda share: take_steps(taken, made, length, share), sensitive, length
    )


def run_measures(
    recipe: Recipe, shape: dict[str, Any], published: bool = False, sensitive: bool = False
) -> Steps:
    """Runs the protocols of ``recipe`` and returns metrics and scores.

    Settings of one `measures_key` need this once.

    Args:
        recipe: Recipe of the record.
        shape: From `describe_data`.
        published: Whether the record is of the authors' weights.
        sensitive: As for `run_steps`.
    """
    taken, made = _prepared(_shortened(recipe, shape), shape)
    return _stated(
        recipe, shape, lambda share: take_measures(taken, made, published, share), sensitive
    )


def measures_key(recipe: Recipe, shape: dict[str, Any], published: bool = False) -> str:
    """Returns the name that settings share whose protocols see the same data and kind of module.

    References are no part of it: of several recipes, that with the most of them is to be run.
    """
    evaluation, changes = asdict(recipe.evaluation), dict[str, Any]()
    # Sections of protocols; when a run looks at them, and what it selects by, is not of interest.
    settings = {name: value for name, value in evaluation.items() if isinstance(value, dict)}
    collect_changes(recipe.data, type(recipe.data)(), "data", changes)
    parts = [recipe.baseline, published, recipe.evaluation.protocols, settings, changes, shape]
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"measures-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _prepared(recipe: Recipe, shape: dict[str, Any]) -> tuple[Recipe, Any]:
    taken = as_taken(recipe)
    kind = get_paper(recipe.paper).data_module()
    return taken, in_float64(source_of(kind).make(shape, rows=_rows(taken, shape), seed=SEED))


def _stated(
    recipe: Recipe,
    shape: dict[str, Any],
    take: Callable[[float], Taken],
    sensitive: bool,
    length: Length | None = None,
) -> Steps:
    def run(share: float) -> Steps:
        found = take(share)
        return Steps(
            paper=recipe.paper,
            config=recipe.hash(),
            batches=length.batches if length else 0,
            epochs=length.epochs if length else 0,
            shape=shape,
            versions=installed_versions(),
            orders=found.orders,
            names=found.names,
            values={key: list(map(_finite, numbers)) for key, numbers in found.values.items()},
            ill_conditioned=[],
        )

    first = run(0.0)
    if sensitive:
        moved = sorted(differences(first, run(INPUT_SHARE), ILL_CONDITIONED))
        first = replace(first, ill_conditioned=moved)
    return replace(first, id=first.digest())


def _finite(number: float | None) -> float | None:
    """Returns what JSON holds: a mistake may make a loss that is no number, and must be named."""
    return number if number is not None and math.isfinite(number) else None


def _with_batch(recipe: Recipe, shape: dict[str, Any], sections: int) -> Recipe:
    """Returns the recipe with a batch of few sections: a long series need then not be long."""
    if shape.get("kind") != "long":
        return recipe
    return replace(recipe, data=replace(recipe.data, batch_size=sections))


def _shortened(recipe: Recipe, shape: dict[str, Any]) -> Recipe:
    """Returns the recipe with batches of one section, and without forecasts of the far future."""
    if shape.get("kind") != "long":
        return recipe
    sections: dict[str, Any] = {
        name: replace(
            each, horizons=[h for h in each.horizons if h <= HORIZON] or [min(each.horizons)]
        )
        for name, each in _with_horizons(recipe).items()
    }
    settings = replace(recipe.evaluation, **sections)
    return replace(_with_batch(recipe, shape, 1), evaluation=settings)


def _with_horizons(recipe: Recipe) -> dict[str, Any]:
    """Returns the sections of the protocols that forecast, by key; a paper may declare none."""
    sections = vars(recipe.evaluation).items()
    return {name: each for name, each in sections if hasattr(each, "horizons")}


def _longest_windows(recipe: Recipe, shape: dict[str, Any]) -> int:
    """Returns the training steps that leave each part steps to forecast at every horizon."""
    own, *others = (end - start for start, end in shape["parts"])
    horizon = max((max(each.horizons) for each in _with_horizons(recipe).values()), default=0)
    return own * (horizon + FORECASTS) // min(own, *others) + recipe.data.window


def _rows(recipe: Recipe, shape: dict[str, Any]) -> int | None:
    """Returns how many rows a split of the synthetic set has at most; None: as the real one."""
    if shape.get("core", 1) > 1:  # fewer users would not leave each item its actions
        return None
    asked = own_part(recipe, "rows")
    least = asked(recipe) if asked else 0
    size = recipe.global_batch
    if shape.get("kind") == "long":  # where a row is a step, and a sample many
        size = max(size * recipe.data.length, _longest_windows(recipe, shape))
    # A test part comes on top, and maybe a hold-out.
    size = max(size, 3 * (getattr(recipe.data, "num_train", None) or 0))
    classes = shape.get("num_classes", 0)
    for section in map(recipe.evaluation.settings, recipe.evaluation.protocols):
        least = max(least, classes * max(getattr(section, "labels", [0])))  # of each class
    return max(size, 2 * classes, least, FEWEST_MAPPED if shape.get("map_classes") else FEWEST)
