"""The resolved configuration in a record: from a recipe, and back to one.

It holds what can change a result, under the names that hashes know, so that a record made before
a field was renamed still gives its recipe.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from typing import Any

from common.config.recipe import load_recipe, recipe_from_dict
from common.config.schema import Recipe
from common.errors import UsageError
from common.results.record import CONFIG_PARTS, Record, RecordError, read_record
from common.settings import frozen_name, frozen_value


def resolved_config(recipe: Recipe) -> dict[str, Any]:
    """Returns the ``config`` of a record: no path, no tracking, nothing that changes no result."""
    return {part: _stored(getattr(recipe, part)) for part in CONFIG_PARTS}


def _stored(value: Any, names_file: bool = False) -> Any:
    if is_dataclass(value):
        return {
            frozen_name(entry): _stored(
                frozen_value(entry, getattr(value, entry.name)),
                entry.metadata.get("names_file", False),
            )
            for entry in fields(value)
            if not entry.metadata.get("result_neutral")
        }
    if isinstance(value, list):
        return [_stored(item, names_file) for item in value]
    return PurePath(value).name if names_file and value is not None else value


def recipe_of(record: Record, overrides: list[str] | None = None) -> Recipe:
    """Returns the recipe that made ``record``, from the record alone.

    Its hash is the record's, unless a default has changed since or a file's folder was left out.

    Args:
        record: One whose configuration is known.
        overrides: What records leave out, such as ``data.path=FILE`` for data of one's own.

    Raises:
        RecordError: The configuration is not known, or the present schema lacks a key of it.
    """
    if record.config is None:
        raise RecordError(f"{record.filename}: config: not known, so that no recipe can be built")
    named = {name: getattr(record, name) for name in ("paper", "recipe", "variant")}
    try:
        return recipe_from_dict({**record.config, **named}, record.filename, overrides)
    except UsageError as error:
        raise RecordError(f"{record.filename}: config: {error}") from None


def load_recipe_or_record(reference: str, overrides: list[str] | None = None) -> Recipe:
    """Builds a recipe by its reference, or `recipe_of` a record, where that is a ``file.json``.

    Raises:
        UsageError: Unknown paper, recipe, file or variant.
        ConfigError: Unknown key, wrong type, value out of bounds, or an interpolation.
        RecordError: As `recipe_of`.
    """
    if not reference.endswith(".json"):
        return load_recipe(reference, overrides)
    path = Path(reference).expanduser()
    if not path.is_file():
        raise UsageError(f"{path}: no such record")
    return recipe_of(read_record(path), overrides)


def flat_config(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the values of a record's configuration by their whole keys, ``above`` before each."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flat_config(value, f"{above}{key}.")
        else:
            yield above + key, value
