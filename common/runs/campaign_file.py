"""A campaign's file, arms x seeds, and its budget, read before anything heavy is imported."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.config.recipe import as_seed
from common.config.schema import Recipe
from common.config.yaml_io import parse_overrides, read_yaml
from common.errors import ConfigError, UsageError, shown
from common.results.configuration import load_recipe_or_record


@dataclass(frozen=True)
class Campaign:
    """The recipes of a campaign file, every arm with every seed, seed by seed."""

    name: str
    recipes: list[Recipe]


def deadline_of(budget: str | None) -> float | None:
    """Returns the `time.monotonic` value at which ``45s``, ``90m`` or ``2h`` are over, or None.

    Raises:
        UsageError: It is none of these.
    """
    if budget is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", budget)
    if match is None:
        raise UsageError(f"--budget {budget!r}: write a number with s, m or h, such as 90m or 2h")
    return time.monotonic() + float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def is_campaign(path: Path) -> bool:
    """Tells whether the YAML file at ``path`` lists arms, so that it is no recipe."""
    return path.is_file() and "arms" in read_yaml(path)


def read_campaign(path: Path) -> Campaign:
    """Reads ``arms``, ``seeds`` and optional ``overrides``.

    An arm is a recipe reference and, after spaces, its own ``key=value`` words.

    Raises:
        UsageError: A missing file.
        ConfigError: Unknown keys, what should be a list and is none, or a recipe that does not
            load: nothing runs then.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such campaign file")
    content = read_yaml(path)
    unknown = [shown(key) for key in content if key not in ("arms", "seeds", "overrides")]
    lacking = [key for key in ("arms", "seeds") if content.get(key) in (None, [])]
    if unknown or lacking:
        what = f"unknown key {', '.join(unknown)}" if unknown else f"no {' and no '.join(lacking)}"
        raise ConfigError(f"{path}: {what}: a campaign needs arms and seeds, may have overrides")
    arms = _texts(path, "arms", content["arms"], "recipes such as swav/quick")
    words, given = content.get("overrides"), content["seeds"]
    shared = [] if words is None else _texts(path, "overrides", words, "key=value words")
    seeds = [as_seed(seed) for seed in given] if isinstance(given, list) else [None]
    if None in seeds:
        numbers = "whole numbers from 0 to 2^31 - 1"
        raise ConfigError(f"{path}: seeds: must be a list of {numbers}, got {shown(given)}")
    _refuse_twice(path, "seeds", seeds)
    _refuse_twice(path, "arms", arms)
    recipes = [_load(path, arm, shared, f"seed={seed}") for seed in seeds for arm in arms]
    return Campaign(path.stem, recipes)


def _refuse_twice(path: Path, key: str, items: list[Any]) -> None:
    twice = [item for number, item in enumerate(items) if item in items[:number]]
    if twice:
        raise ConfigError(f"{path}: {key}: {twice[0]} is named twice; name it once")


def _load(path: Path, arm: str, shared: list[str], seed: str) -> Recipe:
    """Loads a recipe of the file; what is wrong with it is told with the file and the arm."""
    reference, *own = re.split(r"\s+(?=[\w.]+=)", arm)
    words = [*shared, *own]
    try:
        if "seed" in parse_overrides(words):
            raise ConfigError("seed: stands under seeds alone, which each arm is trained with")
        return load_recipe_or_record(reference, [*words, seed])
    except UsageError as error:
        raise type(error)(f"{path}: {arm}: {error}") from None


def _texts(path: Path, key: str, value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{path}: {key}: must be a list of {what}, got {shown(value)}")
    return value
