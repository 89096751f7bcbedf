"""Reads a recipe, merges its layers and checks it. Imports neither torch nor lightning.

Layers, each over the one before: schema defaults, ``configs/<paper>/<recipe>.yaml``, one of its
``variants``, then ``key=value`` from the command line.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.config.build import COMMAND_LINE, Layer, build
from common.config.devices import check_devices
from common.config.protocols import (
    LISTS,
    asked_protocols,
    check_protocols,
    needs_protocol,
    without_unasked,
)
from common.config.references import RecipeReference, find_recipe, read_recipe, refuse_paper
from common.config.schema import Recipe, section_defaults
from common.config.yaml_io import parse_overrides
from common.errors import ConfigError, UsageError, shown, suggest
from common.paper import Paper, get_paper
from common.settings import setting

SECTIONS = ("data", "method", "optimizer", "trainer", "tracking", "evaluation")
LAST_SEED = 2**31 - 1


@dataclass
class _Whole:
    """What a recipe can say, from the top: its sections, and the keys beside them."""

    data: object
    method: object
    optimizer: object
    trainer: object
    tracking: object
    evaluation: object
    paper: str | None = None
    arm: str = "method"
    baseline: str | None = None
    seed: int = setting(0, at_least=0, at_most=LAST_SEED)


def load_recipe(
    reference: str,
    overrides: list[str] | None = None,
    read: Callable[[Path], dict[str, Any]] = read_recipe,
) -> Recipe:
    """Builds the recipe ``paper[/recipe[:variant]]`` or ``file.yaml[:variant]`` with overrides.

    ``read`` gives the content of its file; a caller of many variants gives one that keeps it.

    Raises:
        UsageError: Unknown paper, recipe, file or variant.
        ConfigError: Unknown key, wrong type, value out of bounds, or an interpolation.
    """
    found = find_recipe(reference, read)
    paper = get_paper(found.paper)
    layers = [*read_layers(found, paper, read), (COMMAND_LINE, parse_overrides(overrides or []))]
    return replace(resolve(paper, found.recipe, found.variant, layers), file=found.file)


def read_layers(
    found: RecipeReference, paper: Paper, read: Callable[[Path], dict[str, Any]] = read_recipe
) -> list[Layer]:
    """Returns the layer of a recipe's file, and that of its variant if one is asked for.

    Raises:
        UsageError: Unknown variant.
        ConfigError: An empty file, or variants that are none.
    """
    path, variant = found.path, found.variant
    content = dict(read(path))  # the variants are taken out of it
    if not content:
        raise ConfigError(f"{path}: the recipe is empty; {needs_protocol(paper)}")
    variants = take_variants(content, path)
    if variant is None:
        return [(str(path), content)]
    if variant not in variants:
        raise UsageError(f"{path.name} has no variant {variant!r}{suggest(variant, [*variants])}")
    return [(str(path), content), (f"variant {variant}", variants[variant])]


def recipe_from_dict(
    values: Mapping[str, Any], source: str, overrides: list[str] | None = None
) -> Recipe:
    """Rebuilds a recipe from `Recipe.to_dict` (a run folder's ``config.yaml``) or from a record.

    Args:
        values: The sections, and ``paper``, ``recipe`` and ``variant``.
        source: The file, to be named.
        overrides: ``key=value`` over them.

    Raises:
        ConfigError: Something lacks, or the present schema lacks a key.
    """
    lacking = {"paper", "recipe", "variant"} - set(values)
    if lacking:
        raise ConfigError(f"{source}: lacks {', '.join(sorted(lacking))}; not a run's config.yaml")
    paper = get_paper(values["paper"])
    content = {key: value for key, value in values.items() if key not in ("recipe", "variant")}
    if isinstance(content.get("evaluation"), dict):
        content["evaluation"] = without_unasked(paper, content["evaluation"])
    layers = [(source, content), (COMMAND_LINE, parse_overrides(overrides or []))]
    return resolve(paper, values["recipe"], values["variant"], layers)


def take_variants(content: dict[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    """Takes ``variants:`` out of a recipe's content; one without a value changes nothing.

    Raises:
        ConfigError: If they are no mapping of mappings; names the file.
    """
    variants = content.pop("variants", None)
    if not isinstance(variants, dict | None):
        raise ConfigError(f"{path}: variants={shown(variants)}: a mapping of names is needed")
    for name, layer in (variants or {}).items():
        if not isinstance(layer, dict | None):
            raise ConfigError(f"{path}: variants.{name}={shown(layer)}: sections are needed")
    return {
        str(name): {str(key): value for key, value in (layer or {}).items()}
        for name, layer in (variants or {}).items()
    }


def resolve(paper: Paper, recipe_name: str, variant: str | None, layers: list[Layer]) -> Recipe:
    """Merges ``layers`` of (origin, nested or dotted mapping) over the schema and checks all."""
    refuse_paper(layers, paper.name)
    asked = asked_protocols(paper, layers)
    baseline, layers = _with_baseline(layers)
    try:
        found, origins = build(_Whole(**section_defaults(paper, baseline, asked)), layers)
    except ConfigError as error:
        if variant is None or not str(error).startswith(f"variant {variant}: "):
            raise
        raise ConfigError(f"{layers[0][0]}, {error}") from None
    _fit_warmup(found, origins, [origin for origin, _ in layers])
    sections = {name: getattr(found, name) for name in SECTIONS}
    result = Recipe(
        paper.name,
        recipe_name,
        variant,
        found.arm,
        baseline,
        found.seed,
        **sections,
        origins=origins,
    )
    check_recipe(result, paper, layers[0][0])
    return result


def _fit_warmup(found: Any, origins: dict[str, str], order: list[str]) -> None:
    """Makes a warm-up that a later layer's shorter training has no room for a tenth of that."""
    epochs, keys = found.trainer.epochs, ("optimizer.warmup_epochs", "trainer.epochs")
    if found.optimizer.warmup_epochs > epochs > 0:
        warmup, length = (order.index(origins.get(key, order[0])) for key in keys)
        if warmup < length:
            found.optimizer = replace(found.optimizer, warmup_epochs=epochs // 10)
            origins[keys[0]] = origins[keys[1]]


def _with_baseline(layers: list[Layer]) -> tuple[str | None, list[Layer]]:
    """Returns the baseline that the last layer to speak of one names, and the layers that count.

    ``method:`` sections below that layer are of another method's schema: they are left out.
    """
    baseline: str | None = None
    kept: list[Layer] = []
    for origin, layer in layers:
        if layer.get("baseline", baseline) != baseline:
            baseline = layer["baseline"]
            if not isinstance(baseline, str | None):
                raise ConfigError(f"{origin}: baseline={shown(baseline)}: a name is needed")
            kept = [
                (source, {k: v for k, v in below.items() if k.partition(".")[0] != "method"})
                for source, below in kept
            ]
        kept.append((origin, layer))
    return baseline, kept


def as_seed(value: Any) -> int | None:
    """Returns the seed that ``value`` says, ``01`` too; None where no generator would take it."""
    try:
        seed = int(value) if type(value) in (int, str) else -1
    except ValueError:
        return None
    return seed if 0 <= seed <= LAST_SEED else None


def check_recipe(recipe: Recipe, paper: Paper, source: str) -> None:
    """Checks what no single field shows; raises `ConfigError` before anything is computed.

    ``source`` is the file that lacks what is missing.
    """
    evaluation = recipe.evaluation
    if not re.fullmatch(r"method|(ablation|baseline)/[a-z0-9][a-z0-9._-]*", recipe.arm):
        raise ConfigError(
            f"arm={shown(recipe.arm)}: must be method, ablation/<name> or baseline/<name>"
        )
    epochs = recipe.trainer.epochs
    if recipe.optimizer.warmup_epochs > epochs > 0:
        raise ConfigError(
            f"optimizer.warmup_epochs={recipe.optimizer.warmup_epochs}: trainer.epochs={epochs}; "
            "lower it or raise trainer.epochs"
        )
    check_devices(recipe.trainer.devices, recipe.trainer.accelerator)
    if recipe.trainer.microbatch is not None:
        check_microbatch(recipe, paper)
    known = paper.data_sets.find(recipe.data.name)
    assert known is not None  # the schema has refused other names
    if known.modality not in paper.modalities:
        origin = recipe.origins.get("data.name", source)
        raise ConfigError(
            f"{origin}: data.name: {recipe.data.name} holds {known.modality}; {paper.name} takes "
            f"{', '.join(paper.modalities)}"
        )
    if not evaluation.protocols and not known.may_lack_labels:
        origin = recipe.origins.get("evaluation.protocols", source)
        raise ConfigError(f"{origin}: {needs_protocol(paper)}")
    named = {f"evaluation.{key}": getattr(evaluation, key) for key in LISTS}
    check_protocols(recipe, named)
    if evaluation.monitor is None and (evaluation.keeps_best or evaluation.patience):
        raise ConfigError("evaluation.select=best, also_best and patience need evaluation.monitor")
    if (evaluation.monitor or "").startswith(("val/", "test/")) and not evaluation.online:
        raise ConfigError(f"evaluation.monitor={evaluation.monitor} needs evaluation.online")
    if hasattr(recipe.method, "check"):  # what a paper asks of other sections
        recipe.method.check(recipe)


def check_microbatch(recipe: Recipe, paper: Paper) -> None:
    """Raises `ConfigError` where no batch is encoded in parts; the network is looked at later."""
    settings, size = recipe.trainer, recipe.trainer.microbatch
    key = f"trainer.microbatch={shown(size)}"
    if paper.microbatch_refusal:
        raise ConfigError(
            f"{key}: leave it out, {paper.name} encodes no parts: {paper.microbatch_refusal}"
        )
    if size == "auto" and settings.microbatch_norm == "parts":
        raise ConfigError(
            f"{key}: with trainer.microbatch_norm=parts it changes the result; write a number"
        )
    if settings.compile:
        raise ConfigError(f"{key}: a backbone in parts is not compiled; set trainer.compile=false")
    if settings.strategy == "fsdp":
        raise ConfigError(f"{key}: a backbone in parts is not sharded; set trainer.strategy=ddp")
