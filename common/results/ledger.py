"""Which states of the code passed which stored steps: it tells a fresh record from a moved one.

The steps of a setting lie in ``results/<paper>/steps/``, and beside them this ledger. A setting is
a configuration, trained or with published weights.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from common.config.files import write_atomic
from common.config.schema import Recipe
from common.errors import UsageError
from common.results.digest import code_digest
from common.results.record import Record, RecordError, read_record
from common.results.strict_dataclasses import build_checked

LEDGER_VERSION = 1
# The digest of a run made by states of the code that need not agree: equal to none.
MIXED = "mixed"
# Steps are taken in full precision: autocast is not seen.
WATCHED = "32-true"
# Why a record may not hold for the present code.
STANDINGS = {
    "moved": "the code changed since, and the setting's stored steps or its data with it",
    "not checked": "the code changed since; `papers verify PAPER` tells whether numbers moved",
    "steps cannot tell": "the code changed since, and whether numbers moved only another run would "
    "tell: the setting's stored steps are too sensitive to the last digits, or the run was of a "
    "precision in which no steps are taken",
    "other versions": "the stored steps moved under other versions of the libraries",
    "mixed": "the run was resumed by other code, whose steps do not agree with the first one's",
    "other recipe": "the recipe changed since",
}


class LedgerError(UsageError):
    """A ledger that is broken or of another version."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One state of the code held against the stored steps.

    ``agree``: ids of the files whose numbers it gives; one that is too sensitive to tell is in
    neither list. ``differ``: by id, what moved first.
    ``other_versions``: those of ``differ`` that were stored under other versions of the libraries.
    ``other_data``: hashes of records' data in whose place the present readers give others.
    """

    agree: list[str]
    differ: dict[str, list[str]] = field(default_factory=dict)
    other_versions: list[str] = field(default_factory=list)
    other_data: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """A paper's ledger.

    ``files``: the id of each file of steps, by its name, and ``records`` the run whose seed and
    batch counts it was made with. ``settings``: the names of a setting's files. ``checks``: by code
    digest.
    """

    paper: str
    files: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    settings: dict[str, list[str]] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    version: int = LEDGER_VERSION

    def steps_id(self, setting: str) -> str | None:
        """Returns the id of the setting's steps, None where none are stored."""
        names = self.settings.get(setting)
        return "+".join(self.files[name] for name in names) if names else None

    def agrees(self, setting: str, digest: str) -> bool:
        """Tells whether the code ``digest`` was found to give the setting's stored steps."""
        names, check = self.settings.get(setting), self.checks.get(digest)
        agree = set(check.agree) if check else set()
        return bool(names) and all(self.files[name] in agree for name in names or [])

    def same_numbers(self, setting: str, then: str, now: str) -> bool:
        """Tells whether both states of the code give the numbers of ``setting``."""
        if MIXED in (then, now):
            return False
        return then == now or (self.agrees(setting, then) and self.agrees(setting, now))

    def standing(self, record: Record, now: str) -> str | None:
        """Returns why ``record`` may not hold for the code ``now``, of `STANDINGS`, or None."""
        setting, check = setting_of(record), self.checks.get(now)
        if record.code_digest == MIXED:
            return "mixed"
        if check is not None and record.data_hash in check.other_data:
            return "moved"
        if record.code_digest == now:
            return None
        if record.precision != WATCHED:
            return "steps cannot tell"
        if self.same_numbers(setting, record.code_digest, now):
            return None
        steps = self.steps_id(setting)
        if self.agrees(setting, now) and steps == record.steps:
            return None
        if steps is None or check is None:
            return "not checked"
        ids = [self.files[name] for name in self.settings[setting]]
        if any(id_ in check.other_versions for id_ in ids):
            return "other versions"
        moved = any(id_ in check.differ for id_ in ids) or set(ids) <= set(check.agree)
        return "moved" if moved else "steps cannot tell"


def setting_of(record: Record) -> str:
    """Returns the name of the record's setting."""
    return setting_name(record.config_hash, record.weights)


def setting_name(config_hash: str, weights: str = "trained") -> str:
    """Returns the name of the setting of a configuration and a kind of weights."""
    return config_hash if weights == "trained" else f"{config_hash}-{weights}"


def ledger_path(paper: str, root: Path) -> Path:
    """Returns where the paper's ledger lies below ``root``, which holds ``results/``."""
    return root / "results" / paper / "steps" / "ledger.json"


def read_ledger(paper: str, root: Path) -> Ledger:
    """Reads the paper's ledger; an empty one where none is stored.

    Raises:
        LedgerError: If the file is broken or of another version.
    """
    path = ledger_path(paper, root)
    if not path.is_file():
        return Ledger(paper=paper)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LedgerError(f"{path}: not readable as JSON ({error}); restore the file") from None
    if not isinstance(values, dict) or values.get("version") != LEDGER_VERSION:
        raise LedgerError(f"{path}: no ledger of version {LEDGER_VERSION}; restore the file")
    checks = values.pop("checks", {})
    if not isinstance(checks, dict) or not all(isinstance(one, dict) for one in checks.values()):
        raise LedgerError(f"{path}: checks: must be a mapping of digests; restore the file")
    found = {
        digest: build_checked(Check, one, f"{path}: checks.{digest}", LedgerError)
        for digest, one in checks.items()
    }
    ledger = build_checked(Ledger, values | {"checks": {}}, str(path), LedgerError)
    ledger.checks.update(found)
    return ledger


def write_ledger(ledger: Ledger, root: Path) -> Path:
    """Writes the ledger, a line for each file, setting and state of the code; returns its path."""
    values = asdict(ledger)
    parts = [f'"version": {ledger.version}', f'"paper": {json.dumps(ledger.paper)}']
    for name in ("files", "records", "settings", "checks"):
        lines = [
            f"  {json.dumps(key)}: {json.dumps(value, sort_keys=True)}"
            for key, value in sorted(values[name].items())
        ]
        parts.append(f'"{name}": {{\n' + ",\n".join(lines) + "\n }")
    path = ledger_path(ledger.paper, root)
    write_atomic(path, "{\n " + ",\n ".join(parts) + "\n}\n")
    return path


def matching_records(
    recipe: Recipe, paths: Iterable[Path], root: Path | None = None
) -> list[tuple[Path, Record]]:
    """Returns the files of ``paths`` that hold ``recipe``'s trained record of the present code.

    A run of the official code matches nothing, and a pilot only a recipe that is measured on the
    split that it was looked at on. Neither does a run's evaluation by other protocols, nor a record
    of another version of the schema; `papers leaderboard` names it.

    Args:
        recipe: With its seed.
        paths: Paths of records.
        root: Where ``results/`` tells which code gives the same numbers; None: the present alone.
    """
    now = code_digest(recipe.paper)
    ledger = Ledger(paper=recipe.paper) if root is None else read_ledger(recipe.paper, root)
    measured = ("trained", "likewise", recipe.evaluation.looked_at)
    wanted = (recipe.arm, recipe.hash(), recipe.seed, *measured)
    found = []
    for path in paths:
        try:
            record = read_record(path)
        except RecordError:
            continue
        measured = (record.weights, record.origin, record.looked_at)
        theirs = (record.arm, record.config_hash, record.seed, *measured)
        if not record.measures(recipe.evaluation.protocols):
            continue
        if theirs == wanted and ledger.standing(record, now) is None:
            found.append((path, record))
    return found
