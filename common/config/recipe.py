"""Reads a recipe, merges its layers and checks it. Imports neither torch nor lightning.

Layers, each over the one before: schema defaults, ``configs/<paper>/<recipe>.yaml``, one of its
``variants``, then ``key=value`` from the command line. Every layer is flattened to dotted keys,
so that each final value knows where it came from.
"""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from common.config.protocols import check_protocols, declared, needs_protocol, refuse_undeclared
from common.config.schema import Recipe, section_defaults
from common.devices import check_devices
from common.errors import ConfigError, UsageError, shown, suggest
from common.layers import (
    TOP_LEVEL,
    assign,
    flatten,
    parse_overrides,
    read_yaml,
    take_variants,
    with_baseline,
)
from common.paper import get_paper
from common.references import find_recipe, refuse_paper, refuse_second
from common.settings import check_settings
from common.signals import interrupts_wait

SECTIONS = ("data", "method", "optimizer", "trainer", "tracking", "evaluation")
SEEDS = range(2**31)


@cache
def _container(*sections: tuple[str, type]) -> DictConfig:
    """Returns the defaults as OmegaConf holds them: for many recipes, a copy costs a fifth."""
    with interrupts_wait():
        return OmegaConf.create({**TOP_LEVEL, **{name: section() for name, section in sections}})


def load_recipe(
    reference: str,
    overrides: list[str] | None = None,
    read: Callable[[Path], dict[str, Any]] = read_yaml,
) -> Recipe:
    """Builds the recipe ``paper[/recipe[:variant]]`` or ``file.yaml[:variant]`` with overrides.

    ``read`` gives the content of its file: a caller of many variants reads it once.

    Raises:
        UsageError: Unknown paper, recipe, file or variant.
        ConfigError: Unknown key, wrong type, value out of bounds, or an interpolation.
    """
    found = find_recipe(reference, read)
    refuse_second(overrides or [], reference, found.paper)
    path, variant = found.path, found.variant
    content = dict(read(path))  # the variants are taken out of it
    if not content:
        raise ConfigError(f"{path}: the recipe is empty; {needs_protocol(get_paper(found.paper))}")
    variants = take_variants(content, path)
    if variant is not None and variant not in variants:
        known = list(variants)
        raise UsageError(f"{path.name} has no variant {variant!r}{suggest(variant, known)}")
    layers = [(str(path), content)]
    if variant is not None:
        layers.append((f"variant {variant}", variants[variant]))
    layers.append(("command line", parse_overrides(overrides or [])))
    return replace(resolve(found.paper, found.recipe, variant, layers), file=found.file)


def recipe_from_dict(values: dict[str, Any], source: str) -> Recipe:
    """Rebuilds a recipe from `Recipe.to_dict` (a run folder's ``config.yaml``)."""
    lacking = {"paper", "recipe", "variant"} - set(values)
    if lacking:
        raise ConfigError(f"{source}: lacks {', '.join(sorted(lacking))}; not a run's config.yaml")
    content = {k: v for k, v in values.items() if k not in ("recipe", "variant")}
    if isinstance(content.get("evaluation"), dict):
        content["evaluation"] = declared(get_paper(values["paper"]), content["evaluation"])
    return resolve(values["paper"], values["recipe"], values["variant"], [(source, content)])


def resolve(
    paper_name: str,
    recipe_name: str,
    variant: str | None,
    layers: list[tuple[str, dict[str, Any]]],
) -> Recipe:
    """Merges ``layers`` of (origin, nested or dotted mapping) over the schema and checks all."""
    paper = get_paper(paper_name)
    refuse_paper(layers, paper_name)
    refuse_undeclared(paper, layers)
    baseline, layers = with_baseline(layers)
    schema = section_defaults(paper, baseline)
    flat = [(origin, flatten(layer, schema, origin)) for origin, layer in layers]
    # After what names nothing has been refused: the copy takes longer than all of that.
    merged = deepcopy(_container(*((name, type(section)) for name, section in schema.items())))
    origins: dict[str, str] = {}
    for origin, layer in flat:
        for key, value in layer.items():
            assign(merged, key, value, origin)
            origins[key] = origin
    sections: dict[str, Any] = {name: OmegaConf.to_object(merged[name]) for name in schema}
    seed, arm = merged.seed, merged.arm if isinstance(merged.arm, str) else shown(merged.arm)
    if not is_seed(seed):
        raise ConfigError(f"seed: must be a whole number from 0 to 2^31 - 1, got {shown(seed)}")
    result = Recipe(
        paper_name, recipe_name, variant, arm, baseline, seed, **sections, origins=origins
    )
    for name in schema:
        check_settings(getattr(result, name), name)
    check_recipe(result, layers[0][0])
    return result


def is_seed(value: Any) -> bool:
    """Tells whether ``value`` is a whole number that every random generator takes."""
    return type(value) is int and value in SEEDS


def check_recipe(recipe: Recipe, source: str) -> None:
    """Checks what no single field shows; raises `ConfigError` before anything is computed.

    ``source`` is the file that lacks what is missing.
    """
    paper, evaluation = get_paper(recipe.paper), recipe.evaluation
    if not re.fullmatch(r"method|(ablation|baseline)/[a-z0-9][a-z0-9._-]*", recipe.arm):
        raise ConfigError(
            f"arm: must be method, ablation/<name> or baseline/<name>, got {shown(recipe.arm)}"
        )
    check_devices(recipe.trainer.devices, recipe.trainer.accelerator)
    known = paper.data_sets.sets[recipe.data.name]
    if known.modality not in paper.modalities:
        origin = recipe.origins.get("data.name", source)
        raise ConfigError(
            f"{origin}: data.name: {recipe.data.name} holds {known.modality}; {paper.name} takes "
            f"{', '.join(paper.modalities)}"
        )
    if not evaluation.protocols and not known.may_lack_labels:
        origin = recipe.origins.get("evaluation.protocols", source)
        raise ConfigError(f"{origin}: {needs_protocol(paper)}")
    named = {f"evaluation.{key}": getattr(evaluation, key) for key in ("protocols", "online")}
    check_protocols(recipe, named)
    if evaluation.monitor is None and (evaluation.keeps_best or evaluation.patience):
        raise ConfigError("evaluation.select=best, also_best and patience need evaluation.monitor")
    if (evaluation.monitor or "").startswith(("val/", "test/")) and not evaluation.online:
        raise ConfigError(f"evaluation.monitor={evaluation.monitor} needs evaluation.online")
    if hasattr(recipe.method, "check"):  # what a paper asks of other sections
        recipe.method.check(recipe)
