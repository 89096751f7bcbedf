"""The numbers ours are set beside: ``papers/<paper>/reported.yaml`` (docs/reported.md)."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.config.checkout import SOURCE_ROOT
from common.config.recipe import load_recipe
from common.config.schema import HASHED_SECTIONS, Recipe
from common.config.yaml_io import read_yaml
from common.errors import ConfigError, UsageError, suggest
from common.results.record import ARM_PATTERN, CHANGED, NO_NUMBER, Record
from common.results.strict_dataclasses import build_checked
from common.settings import collect_changes

PAPER, AUTHORS, OFFICIAL = "paper", "authors' repository", "official code, run by us"
# A measurement of the method that neither the authors nor we have made.
THIRD_PARTY = "third party"
# What each origin must say, so that a reader can look the number up.
NEEDED = {
    PAPER: ("table",),
    AUTHORS: ("source",),
    OFFICIAL: ("source", "commit", "command"),
    THIRD_PARTY: ("source",),
}


@dataclass(frozen=True, kw_only=True)
class ReportedNumber:
    """One reported number, and by how much another may differ and still count as equal."""

    value: float
    margin: float
    spread: float | None = None
    n: int | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Reported numbers of one setting from one source."""

    arm: str
    recipe: str
    data: str
    protocol: str
    origin: str
    verified: bool
    metrics: dict[str, ReportedNumber]
    # The folder's name; not a key of the file.
    paper: str
    variant: str | None = None
    weights: str = "trained"
    # Somebody else's weights through our protocol: it checks the protocol, and is not the paper's.
    anchor: bool = False
    data_hash: str | None = None
    table: str | None = None
    source: str | None = None
    commit: str | int | None = None
    command: str | None = None
    note: str | None = None
    # By metric: what was checked, and what was not, where ours is above, below or off by more.
    checks: dict[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """``paper/recipe[:variant]``, as the command takes it."""
        return f"{self.paper}/{self.recipe}" + (f":{self.variant}" if self.variant else "")

    def applies_to(self, record: Record) -> bool:
        """Tells whether ``record`` is of the setting that these numbers are of."""
        mine = (self.paper, self.recipe, self.variant, self.arm, self.data, self.weights)
        theirs = (record.paper, record.recipe, record.variant, record.arm, record.data)
        same_arrays = self.data_hash in (None, record.data_hash)
        measured = same_arrays and self.protocol in record.protocols
        return measured and mine == (*theirs, record.weights)


def load_reported(path: Path) -> list[Entry]:
    """Reads one paper's file; the paper is the folder's name.

    Raises:
        ConfigError: Unknown or missing keys, wrong types, a number without its source.
    """
    content = read_yaml(path)
    if set(content) != {"results"} or not isinstance(content["results"] or [], list):
        raise ConfigError(f"{path}: must hold one key, results, with a list of entries")
    numbered = enumerate(content["results"] or [], 1)
    return [_entry(item, path.parent.name, f"{path}: entry {number}") for number, item in numbered]


def _entry(values: Any, paper: str, where: str) -> Entry:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: must be a mapping, got {values!r}")
    if "paper" in values:
        raise ConfigError(f"{where}: unknown key 'paper': the folder's name says it")
    metrics = values.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        raise ConfigError(f"{where}: metrics: must be a mapping of at least one metric")
    numbers = {key: _reference(key, item, f"{where}: {key}") for key, item in metrics.items()}
    values = {**values, "paper": paper, "metrics": numbers}
    if "checks" in values:
        values["checks"] = _checks(values["checks"], list(numbers), f"{where}: checks")
    entry = build_checked(Entry, values, where, ConfigError)
    _check_entry(entry, where)
    return entry


def _checks(values: Any, metrics: list[str], where: str) -> dict[str, str]:
    """Returns what was checked, by metric; a key of the file may name several, with commas."""
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: must be a mapping such as {{{metrics[0]}: what was checked}}")
    texts: dict[str, str] = {}
    for key, text in values.items():
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"{where}: {key}: must say what was checked, got {text!r}")
        for metric in str(key).split(", "):
            if metric not in metrics:
                raise ConfigError(f"{where}: no metric {metric!r}{suggest(metric, metrics)}")
            if metric in texts:
                raise ConfigError(f"{where}: {metric}: stands here twice")
            texts[metric] = text
    return texts


def _check_entry(entry: Entry, where: str) -> None:
    if entry.origin not in NEEDED:
        known = "; ".join(NEEDED)
        raise ConfigError(f"{where}: origin: must be one of: {known}; got {entry.origin!r}")
    for key in NEEDED[entry.origin]:
        if not getattr(entry, key):
            raise ConfigError(f"{where}: {key}: needed when the origin is {entry.origin!r}")
    if not ARM_PATTERN.fullmatch(entry.arm):
        raise ConfigError(f"{where}: arm: must be method, ablation/<name> or baseline/<name>")
    if entry.weights not in ("trained", "published"):
        raise ConfigError(f"{where}: weights: must be trained or published")
    if entry.weights == "published" and any(item.spread for item in entry.metrics.values()):
        raise ConfigError(f"{where}: spread: published weights give one number, leave it out")


def _reference(key: Any, values: Any, where: str) -> ReportedNumber:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: must be a mapping such as {{value: 0.5, margin: 0.01}}")
    if not re.fullmatch(r"(test|val)/\S+", str(key)):
        raise ConfigError(f"{where}: a metric's key starts with test/ or val/, as in result.json")
    found = build_checked(ReportedNumber, values, where, ConfigError)
    if found.margin <= 0:
        raise ConfigError(f"{where}: margin: must be above 0, chosen before the run")
    if found.spread is not None and (found.spread < 0 or found.n is None or found.n < 2):
        raise ConfigError(f"{where}: spread: needs n, the number of runs, of at least 2")
    return found


def load_all_reported(root: Path = SOURCE_ROOT, paper: str = "*") -> list[Entry]:
    """Reads the file of one paper, or of all in alphabetical order, where there is one."""
    paths = sorted((root / "papers").glob(f"{paper}/reported.yaml"))
    return [entry for path in paths for entry in load_reported(path)]


def scaled_reason(recipe: Recipe, entries: list[Entry] | None = None) -> str | None:
    """Returns why a run of ``recipe`` cannot be compared with a reported number, or None.

    Args:
        recipe: As it is to be run, with its overrides.
        entries: The reported numbers; read from the paper's folder by default.
    """
    try:
        written = load_recipe(recipe.name)
    except UsageError:  # a user's own recipe, or one that has gone since the run began
        return f"{recipe.name} is no recipe of this project"
    if written.hash() != recipe.hash():
        return CHANGED + ", ".join(_changed_keys(recipe, written))
    path = SOURCE_ROOT / "papers" / recipe.paper / "reported.yaml"
    if entries is None:
        entries = load_reported(path) if path.is_file() else []
    setting = (recipe.paper, recipe.recipe, recipe.variant, recipe.arm, recipe.data.name)
    for entry in entries:
        theirs = (entry.paper, entry.recipe, entry.variant, entry.arm, entry.data)
        if setting == theirs and entry.protocol in recipe.evaluation.protocols:
            return None
    return NO_NUMBER


def _changed_keys(recipe: Recipe, written: Recipe) -> list[str]:
    changed: dict[str, Any] = {}
    sections = [*HASHED_SECTIONS, "trainer"]
    if recipe.baseline != written.baseline:
        # Two methods have two schemas: nothing to compare field by field.
        changed["baseline"] = recipe.baseline
        sections.remove("method")
    for section in sections:
        collect_changes(getattr(recipe, section), getattr(written, section), section, changed)
    return sorted(changed)
