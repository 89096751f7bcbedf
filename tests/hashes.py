"""The stored configuration hashes and schemas; ``python -m tests.hashes`` stores them anew.

A hash joins a record to its recipe: one that moves leaves the records of its setting without one.
``override_hashes.json`` has words for one recipe, odd ones too, with the hash that each makes or
null where it is refused: what a value is taken for moves a hash as well. It is never stored anew.

A hash holds what differs from a schema's defaults, so that another default moves none of them:
``schema_defaults.json`` has the defaults.
"""

import json
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from common.config.schema import OptimizerConfig, TrainerConfig
from common.evaluation.config import EvaluationConfig
from common.paper import get_paper, paper_names
from common.registry import METHODS
from common.registry import PROTOCOLS as REGISTERED
from common.registry import load as load_target
from common.settings import collect_changes, frozen_name, frozen_value
from tests.recipes import EVERY, PROTOCOLS, load

FOLDER = Path(__file__).parent / "repo"
PATH = FOLDER / "config_hashes.json"
OVERRIDES = FOLDER / "override_hashes.json"
SCHEMAS = FOLDER / "schema_defaults.json"


def stored_hashes(path: Path = PATH) -> dict[str, Any]:
    """Returns ``{paper/recipe[:variant]: hash}``, or the same of words for a recipe."""
    return json.loads(path.read_text())


def schemas() -> set[type]:
    """Returns the dataclasses that a hash is made from, those within others included."""
    found: set[type] = set()
    waiting: list[Any] = [OptimizerConfig, TrainerConfig, EvaluationConfig, *PROTOCOLS.values()]
    for paper in map(get_paper, paper_names()):
        waiting += [paper.data_config(), *map(paper.config, (None, *paper.baselines))]
    for table in (*METHODS.values(), REGISTERED):
        waiting += [load_target(schema) for _, schema in table.values()]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if is_dataclass(kind) and kind not in found:
            found.add(kind)
            waiting += get_type_hints(kind).values()
    return found


def schema_defaults() -> dict[str, dict[str, Any]]:
    """Returns ``{schema: {frozen name of a field: default}}`` of what can change a result."""
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted(schemas(), key=lambda kind: kind.__name__):
        entries = found[kind.__name__] = {}
        for entry in fields(kind):
            if not entry.metadata.get("result_neutral"):
                value = (
                    entry.default if entry.default_factory is MISSING else entry.default_factory()
                )
                entries[frozen_name(entry)] = plain(frozen_value(entry, value))
    assert len(found) == len(schemas()), "two schemas have one name"
    return found


def plain(value: Any) -> Any:
    """Returns a default as JSON has it; of a dataclass what is not the default of its own."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if not is_dataclass(value):
        return "no default" if value is MISSING else value
    changes: dict[str, Any] = {}
    collect_changes(value, type(value)(), type(value).__name__, changes, frozen=True)
    return changes


if __name__ == "__main__":
    hashes = {name: load(name).hash() for name in sorted(EVERY)}
    for path, content in ((PATH, hashes), (SCHEMAS, schema_defaults())):  # an entry a line
        lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in content.items()]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
