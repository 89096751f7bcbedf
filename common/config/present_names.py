"""A stored configuration under the present names of fields and values; no torch."""

from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from common.config.build import entry_class
from common.settings import frozen_name, present_value


def present_names(values: Any, schema: Any) -> Any:
    """Returns ``values`` of dataclass ``schema``, stored before or after something was renamed."""
    if isinstance(values, list):
        return [present_names(item, schema) for item in values]
    if not isinstance(values, dict):
        return values
    hints = get_type_hints(schema)
    known = {frozen_name(entry): entry for entry in fields(schema)}
    known |= {entry.name: entry for entry in fields(schema)}
    found = {}
    for key, value in values.items():
        if key not in known:
            found[key] = value  # which the builder refuses
            continue
        name = known[key].name
        inner = hints[name] if is_dataclass(hints[name]) else entry_class(hints[name])
        found[name] = (
            present_value(known[key], value) if inner is None else present_names(value, inner)
        )
    return found
