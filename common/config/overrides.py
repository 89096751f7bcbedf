"""The ``key=value`` words that make a recipe of its file: to be shown, and typed again."""

import json
import os
import warnings
from dataclasses import fields, is_dataclass
from typing import Any

from common.config.recipe import SECTIONS, load_recipe
from common.config.schema import Recipe
from common.config.yaml_io import parse_overrides
from common.errors import ConfigError, UsageError


def is_setting(word: str) -> bool:
    """Tells whether a word of the command sets a value; a path may have = in its name, too."""
    key, equals, _ = word.partition("=")
    known = key.partition(".")[0] in (*SECTIONS, "arm", "baseline", "seed")
    return bool(equals) and (known or not os.path.exists(os.path.expanduser(word)))


def changed_words(recipe: Recipe) -> list[str]:
    """Returns the words that make ``recipe`` of its file and variant, the seed left out."""
    with warnings.catch_warnings():  # the file's own values are not what is asked about
        warnings.simplefilter("ignore")
        try:
            plain = load_recipe(recipe.reference)
        except UsageError:  # the recipe has gone or changed since the run began
            return []
    words = []
    for name in ("arm", "baseline"):
        if getattr(recipe, name) != getattr(plain, name):
            words.append(as_word(name, getattr(recipe, name)))
    for section in SECTIONS:
        words += _changes(getattr(recipe, section), getattr(plain, section), section)
    return words


def _changes(mine: Any, plain: Any, path: str) -> list[str]:
    words = []
    for entry in fields(mine):
        value, key = getattr(mine, entry.name), f"{path}.{entry.name}"
        # Another baseline has other fields, and evaluation those of the protocols that are named.
        other = getattr(plain, entry.name, None)
        # One that is null by default has no dotted keys: it is given whole.
        if is_dataclass(value) and entry.default is not None:
            own = getattr(type(mine)(), entry.name) if other is None else other
            words += _changes(value, own, key)
        elif value != other:
            words.append(as_word(key, value))
    return words


def as_word(key: str, value: Any) -> str:
    """Returns ``key=value``, the value as JSON and, where it reads back alike, without quotes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_beyond_default)
    bare = f"{key}={text}".replace('"', "")
    try:
        return bare if parse_overrides([bare])[key] == value else f"{key}={text}"
    except ConfigError:  # no YAML without its quotes
        return f"{key}={text}"


def changed_values(mine: Any, default: Any) -> dict[str, Any]:
    """Returns the fields of a section that have other values than in ``default``, as YAML has them.

    A section within it, and an entry of a list, are dicts of what is not their default.
    """
    found: dict[str, Any] = {}
    for entry in fields(mine):
        value, other = getattr(mine, entry.name), getattr(default, entry.name)
        if value == other:
            continue
        if is_dataclass(value):
            value = changed_values(value, other) if is_dataclass(other) else _beyond_default(value)
        elif isinstance(value, list):
            value = [_beyond_default(one) if is_dataclass(one) else one for one in value]
        found[entry.name] = value
    return found


def _beyond_default(section: Any) -> dict[str, Any]:
    return changed_values(section, type(section)())
