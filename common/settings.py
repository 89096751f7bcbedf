"""Fields of a recipe with their bounds: ``temperature: float = setting(0.1, above=0)``."""

from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any

from common.registry import Registry


def setting(
    default: Any = MISSING,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] | Registry | None = None,
    result_neutral: bool = False,
    names_file: bool = False,
    hashed_as: str | None = None,
    hashed_values: dict[str, str] | None = None,
) -> Any:
    """Declares a dataclass field whose value in a recipe `common.config.build` checks.

    Args:
        default: The value; a list or a dict is copied for each instance.
        above: Exclusive lower bound; a list is checked element by element.
        at_least: Inclusive lower bound.
        below: Exclusive upper bound.
        at_most: Inclusive upper bound.
        choices: Allowed names, as a tuple or a registry; numbers beside texts have bounds.
        result_neutral: The value cannot change a result (paths, workers), so it stays out of
            the configuration hash and of the record.
        names_file: The value is the path of a file that changes a result, or a list of such: a
            record keeps the names without their folders, which may be private.
        hashed_as: The name of the field before it was renamed; hashes and records keep it.
        hashed_values: Texts that were renamed, and what hashes and records keep of each.
    """
    metadata = {
        "bounds": {"above": above, "at_least": at_least, "below": below, "at_most": at_most},
        "choices": choices,
        "result_neutral": result_neutral,
        "names_file": names_file,
        "hashed_as": hashed_as,
        "hashed_values": hashed_values or {},
    }
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def frozen_name(entry: Field[Any]) -> str:
    """Returns the name that hashes and records know a field by, however often it is renamed."""
    return entry.metadata.get("hashed_as") or entry.name


def frozen_value(entry: Field[Any], value: Any) -> Any:
    """Returns what hashes and records hold of ``value``, however often it is renamed or moved."""
    choices = entry.metadata.get("choices")
    if isinstance(choices, Registry) and isinstance(value, str):
        value = choices.without_folder(value)
    renamed = entry.metadata.get("hashed_values", {})
    return renamed.get(value, value) if isinstance(value, str) else value


def collect_changes(
    value: Any, default: Any, path: str, into: dict[str, Any], frozen: bool = False
) -> None:
    """Adds to ``into`` each dotted key where ``value`` differs in what can change a result.

    With ``frozen`` the keys and values are those that hashes know. A dataclass in a list, or where
    the default has none, is known by its class attribute ``hashed_as``. A field that ``default``
    lacks, as a protocol that the paper does not declare, has the default of its own class.
    """
    for entry in fields(value):
        mine = getattr(value, entry.name)
        theirs = getattr(default if hasattr(default, entry.name) else type(value)(), entry.name)
        if entry.metadata.get("result_neutral") or mine == theirs:
            continue
        key = f"{path}.{frozen_name(entry) if frozen else entry.name}"
        if is_dataclass(mine) and is_dataclass(theirs):
            collect_changes(mine, theirs, key, into, frozen)
        elif isinstance(mine, list):
            into[key] = [_changes(item) if is_dataclass(item) else item for item in mine]
        else:
            plain = frozen_value(entry, mine) if frozen else mine
            into[key] = _changes(mine) if is_dataclass(mine) else plain


def _changes(item: Any) -> dict[str, Any]:
    """Returns an entry's non-default fields: a new field with a default keeps the hash."""
    found: dict[str, Any] = {}
    collect_changes(item, type(item)(), type(item).hashed_as, found, frozen=True)
    return found
