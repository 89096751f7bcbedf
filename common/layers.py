"""Layers of a recipe: read as YAML or as ``key=value``, flattened to dotted keys, and checked."""

from dataclasses import fields, is_dataclass
from functools import reduce
from pathlib import Path
from types import NoneType
from typing import Any, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from common.errors import ConfigError, UsageError, shown, suggest
from common.nearest import elsewhere
from common.signals import interrupts_wait
from common.wording import WORDS, entry_class, item_of, members, needed

TOP_LEVEL = {"paper": None, "arm": "method", "baseline": None, "seed": 0}
# What other projects call a key.
SYNONYMS = {
    "learning_rate": "optimizer.lr",
    **dict.fromkeys(("gpus", "num_gpus"), "trainer.devices"),
    **dict.fromkeys(("max_epochs", "num_epochs"), "trainer.epochs"),
    "wandb": "tracking.mode",
}


def with_baseline(
    layers: list[tuple[str, dict[str, Any]]],
) -> tuple[str | None, list[tuple[str, dict[str, Any]]]]:
    """Returns the baseline that the last layer to speak of one names, and the layers that count.

    ``method:`` sections below that layer are of another method's schema: they are left out.
    """
    baseline: str | None = None
    kept: list[tuple[str, dict[str, Any]]] = []
    for origin, layer in layers:
        if layer.get("baseline", baseline) != baseline:
            baseline = layer["baseline"]
            if not isinstance(baseline, str | None):
                raise ConfigError(f"{origin}: baseline: a name is needed, got {shown(baseline)}")
            kept = [
                (source, {k: v for k, v in below.items() if k != "method"})
                for source, below in kept
            ]
        kept.append((origin, layer))
    return baseline, kept


def take_variants(content: dict[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    """Takes ``variants:`` out of a recipe's content; one without a value changes nothing.

    Raises:
        ConfigError: If they are no mapping of mappings; names the file.
    """
    variants = content.pop("variants", None)
    if not isinstance(variants, dict | None):
        raise ConfigError(f"{path}: variants: must be a mapping of names, got {shown(variants)}")
    for name, layer in (variants or {}).items():
        if not isinstance(layer, dict | None):
            raise ConfigError(f"{path}: variant {name}: must hold sections, got {shown(layer)}")
    return {
        str(name): {str(key): value for key, value in (layer or {}).items()}
        for name, layer in (variants or {}).items()
    }


def flatten(layer: dict[str, Any], schema: dict[str, Any], origin: str) -> dict[str, Any]:
    """Returns ``{dotted key: value}``; unknown keys raise with the nearest name."""
    flat: dict[str, Any] = {}

    def visit(node: Any, prefix: str) -> None:
        for key, value in node.items():
            dotted = f"{prefix}.{key}" if prefix else str(key)
            is_section = _is_section(dotted, value, schema, origin)
            if is_section and isinstance(value, dict):
                visit(value, dotted)
            elif is_section:
                plain = isinstance(value, str | int | float)
                given = shown(value).strip('"') if plain else "VALUE"
                raise ConfigError(f"{origin}: {dotted} is a section, write {dotted}.KEY={given}")
            else:
                _refuse_text(dotted, value, origin)
                _refuse_coerced(dotted, value, schema, origin)
                if dotted in flat and origin != "command line":  # there the last word counts
                    raise ConfigError(f"{origin}: {dotted} is given twice; leave one out")
                flat[dotted] = value

    visit(layer, "")
    return flat


def _is_section(dotted: str, value: Any, schema: dict[str, Any], origin: str) -> bool:
    """Tells whether ``dotted`` names a dataclass; raises `ConfigError` if it names nothing."""
    first, *rest = dotted.split(".")
    known = [*TOP_LEVEL, *schema]
    if first not in known:
        while isinstance(value, dict) and value:  # a section's name tells less than a key's in it
            name, value = next(iter(value.items()))
            dotted = f"{dotted}.{name}"
        hint = _elsewhere(dotted, schema) or suggest(first, known)
        raise ConfigError(f"{origin}: unknown key {dotted!r}{hint}")
    node = schema.get(first)
    for depth, part in enumerate(rest):
        names = [entry.name for entry in fields(node)] if is_dataclass(node) else []
        if part not in names:
            where = ".".join([first, *rest[:depth]])
            hint = _elsewhere(dotted, schema)
            if not hint:
                hint = suggest(part, names, where) if names else _no_section(where, node)
            raise ConfigError(f"{origin}: unknown key {dotted!r}{hint}")
        node = getattr(node, part)
    return is_dataclass(node)


def _elsewhere(dotted: str, schema: dict[str, Any]) -> str:
    hint, (*above, name) = elsewhere(dotted, list(TOP_LEVEL), schema), dotted.split(".")
    # Not evaluation.linear.learning_rate: a protocol has a rate of its own.
    if hint or name not in SYNONYMS or len(above) > 1:
        return hint
    return f"; did you mean {SYNONYMS[name]!r}?"


def _no_section(where: str, value: Any) -> str:
    if not isinstance(value, list):
        return f"; {where} is no section"
    entry = "{KEY: VALUE}" if value and is_dataclass(value[0]) else "VALUE"
    return f"; {where} is a list, given as a whole: {where}='[{entry}, ...]'"


def _refuse_text(key: str, value: Any, origin: str) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _refuse_text(f"{key}.{name}", item, origin)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_text(f"{key}[{index}]", item, origin)
    elif isinstance(value, str) and "${" in value:
        raise ConfigError(f"{origin}: {key}: interpolation is refused, write the value itself")
    elif value == "None":
        raise ConfigError(f"{origin}: {key}: write null, not None")


def _refuse_coerced(key: str, value: Any, schema: dict[str, Any], origin: str) -> None:
    """Refuses what OmegaConf would make another value of without a word.

    Where a text is needed: what YAML did not read as one (``on``, ``1e3``), which would become
    ``True`` and ``1000.0``. Where a switch is needed: a number, which would become true. In a list
    of plain values: a list or a mapping, which would go on as it is.
    """
    *path, name = key.split(".")
    if not path:
        return
    node = reduce(getattr, path[1:], schema[path[0]])
    _refuse_value(key, value, get_type_hints(type(node))[name], origin)


def _refuse_value(key: str, value: Any, wanted: Any, origin: str) -> None:
    kinds, item, entry = set(members(wanted)), item_of(wanted), entry_class(wanted)
    if bool in kinds and kinds <= {bool, NoneType} and type(value) not in kinds:
        raise _of_another_type(key, value, wanted, origin)
    if str in kinds and kinds <= {str, NoneType} and isinstance(value, bool | float):
        typed = "" if "[" in key else f" (on the command line \"{key}='...'\")"
        raise ConfigError(
            f"{origin}: {key}: a text is needed, and YAML reads {shown(value)} here; write the "
            f"text in quotes{typed}"
        )
    if not isinstance(value, list) or item is None:
        return
    if set(members(item)) <= WORDS.keys() and any(isinstance(part, list | dict) for part in value):
        raise _of_another_type(key, value, wanted, origin)
    hints = get_type_hints(entry) if entry else {}
    for index, part in enumerate(value):
        place = f"{key}[{index}]"
        if entry is None:
            _refuse_value(place, part, item, origin)
        for name in part if isinstance(part, dict) else {}:
            if name in hints:
                _refuse_value(f"{place}.{name}", part[name], hints[name], origin)


@interrupts_wait()
def assign(merged: Any, key: str, value: Any, origin: str, place: str = "") -> None:
    """Sets ``key`` of the OmegaConf container; raises `ConfigError` on a wrong type.

    Args:
        place: What stands before the key in a message, where the container is part of another.
    """
    try:
        # Merging turns the mappings of a list (data.views) into its dataclass; it replaces lists.
        OmegaConf.update(merged, key, value, merge=isinstance(value, list))
    except (OmegaConfBaseException, OverflowError) as error:
        holder, _, name = key.rpartition(".")
        schema = OmegaConf.get_type(OmegaConf.select(merged, holder) if holder else merged)
        wanted = get_type_hints(schema)[name]
        entry, where = entry_class(wanted), place + key
        if entry is not None and isinstance(value, list):
            _blame_entry(where, value, entry, origin)
        if isinstance(error, OverflowError):  # a whole number beyond all floats
            large = "a number that a float can hold, up to 1e308, is needed"
            raise ConfigError(f"{origin}: {where}={shown(value)}: {large}") from None
        raise _of_another_type(where, value, wanted, origin) from None


def _blame_entry(key: str, entries: list[Any], kind: Any, origin: str) -> None:
    """Raises `ConfigError` for the first entry of a list (data.views) that is no such dataclass."""
    names = get_type_hints(kind)
    for index, entry in enumerate(entries):
        where = f"{key}[{index}]"
        if not isinstance(entry, dict):
            raise _of_another_type(where, entry, kind, origin)
        container = OmegaConf.structured(kind)
        for name, value in entry.items():
            if name not in names:
                hint = suggest(str(name), list(names))
                raise ConfigError(f"{origin}: {where}: unknown key {name!r}{hint}")
            assign(container, name, value, origin, f"{where}.")


def _of_another_type(key: str, value: Any, wanted: Any, origin: str) -> ConfigError:
    return ConfigError(f"{origin}: {key}={shown(value)}: {needed(wanted)} is needed")


@interrupts_wait()
def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping through OmegaConf without resolving anything.

    Raises:
        ConfigError: If the file is no mapping or no YAML; names the file.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except Exception as error:  # for a bad tag the YAML parser raises KeyError, IndexError and more
        raise ConfigError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold a mapping of sections")
    return {str(key): value for key, value in content.items()}


@interrupts_wait()
def parse_overrides(overrides: list[str]) -> dict[str, Any]:
    """Parses ``key=value`` words; the value is YAML (``1e-3``, ``null``, ``[1, 2]``)."""
    parsed: dict[str, Any] = {}
    for word in overrides:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is not key=value (for example optimizer.lr=0.3)")
        try:
            container = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))
        except Exception:
            raise ConfigError(
                f"command line: {word}: the value is no YAML; close its brackets and quotes, or "
                f"write it as a text: \"{key}='...'\""
            ) from None
        assert isinstance(container, dict)
        parsed[key.lstrip("-")] = container["value"]
    return parsed
