"""The file of a setting's steps, and how two of them differ."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from common.config.files import write_atomic
from common.errors import UsageError
from common.results.strict_dataclasses import build_checked

STEPS_VERSION = 1
TOLERANCE = 1e-8
# Inputs move by the first; what then moves by more than the second is ill-conditioned.
INPUT_SHARE = 1e-12
ILL_CONDITIONED = 1e-9


class StepsError(UsageError):
    """A file of steps that is broken or of another version."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What some steps of one setting computed; the field names are the keys of the JSON file."""

    paper: str
    # The hash of the configuration that ran.
    config: str
    batches: int
    epochs: int
    # What the synthetic data were made of.
    shape: dict[str, Any]
    versions: dict[str, str]
    # The first rows of an epoch's order and a digest of all.
    orders: list[str]
    # What the numbers of ``values`` stand for, by the last part of their keys.
    names: dict[str, list[str]]
    # Null: no gradient, or not finite.
    values: dict[str, list[float | None]]
    # "key name": too sensitive to inputs to be compared.
    ill_conditioned: list[str]
    # The digest of what was stored first: it stays while numbers are added and none moves.
    id: str = ""
    # The digest of all, once something was added.
    extended: str = ""
    version: int = STEPS_VERSION

    @property
    def labelled(self) -> dict[str, float | None]:
        """Every number by its name."""
        found: dict[str, float | None] = {}
        for key, numbers in self.values.items():
            names = self.names.get(key.rpartition("/")[2]) or range(len(numbers))
            found |= {f"{key} {name}": x for name, x in zip(names, numbers, strict=True)}
        return found

    @property
    def tells(self) -> bool:
        """Whether most of it can be compared: else a change might go unnoticed."""
        return 2 * len(self.ill_conditioned) < sum(map(len, self.values.values()))

    def digest(self) -> str:
        """Returns 12 hex digits over all but the versions."""
        apart = ("extended", "id", "versions")
        values = {k: v for k, v in asdict(self).items() if k not in apart}
        text = json.dumps(values, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(first: Steps, second: Steps, tolerance: float) -> Iterator[str]:
    """Yields the name of each number of ``first`` that ``second`` lacks or has otherwise.

    Others count as equal up to a relative ``tolerance``.
    """
    now = second.labelled
    for name, value in first.labelled.items():
        if name not in now:
            yield f"{name}: gone"
        elif not _equal(value, now[name], tolerance):
            yield name


def _equal(a: float | None, b: float | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=0.0)


def differing_numbers(stored: Steps, now: Steps, tolerance: float = TOLERANCE) -> list[str]:
    """Returns what stored steps have and those of now have not, by name; empty: nothing.

    What is new is no difference. What either calls ill-conditioned is left out.
    """
    skipped = {*stored.ill_conditioned, *now.ill_conditioned}
    found = [name for name in differences(stored, now, tolerance) if name not in skipped]
    if stored.orders != now.orders[: len(stored.orders)]:
        found.append("orders")
    whole = ("shape", "batches", "epochs")
    return found + [name for name in whole if getattr(stored, name) != getattr(now, name)]


def extend(stored: Steps, now: Steps) -> Steps:
    """Returns ``stored`` and what ``now`` has beyond it, under the id that it had.

    Args:
        stored: Whose numbers stay as they are.
        now: Of which nothing differs, with what is ill-conditioned.
    """
    known = stored.labelled
    new = sorted(set(now.ill_conditioned) - known.keys())
    numbers = iter([known.get(name, number) for name, number in now.labelled.items()])
    both = replace(
        now,
        config=stored.config,
        versions=stored.versions,
        values={key: [next(numbers) for _ in found] for key, found in now.values.items()},
        ill_conditioned=sorted([*stored.ill_conditioned, *new]),
        id=stored.id,
    )
    return replace(both, extended=both.digest())


def steps_path(results: Path, paper: str, name: str) -> Path:
    """Returns where a file lies: ``name`` is a configuration's hash, or a `measures_key`."""
    return results / paper / "steps" / f"{name}.json"


def write_steps(steps: Steps, path: Path) -> None:
    """Writes the file in one go, a line for each list of numbers."""
    values = asdict(steps)
    lines = [f" {json.dumps(key)}: {_line(value)}" for key, value in values.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    _parse(text, str(path))
    write_atomic(path, text)


def _line(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value, allow_nan=False)
    inner = [
        f"  {json.dumps(k)}: {json.dumps(v, allow_nan=False, separators=(',', ':'))}"
        for k, v in value.items()
    ]
    return "{\n" + ",\n".join(inner) + "\n }" if inner else "{}"


def read_steps(path: Path) -> Steps:
    """Reads and checks a file of steps.

    Raises:
        StepsError: Not readable, another version, a wrong field, or edited since it was written.
    """
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise StepsError(f"{path}: not readable ({error})") from None


def _parse(text: str, source: str) -> Steps:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise StepsError(f"{source}: not readable as JSON ({error})") from None
    version = values.get("version") if isinstance(values, dict) else None
    if version != STEPS_VERSION:
        raise StepsError(f"{source}: version: is {version!r}, this code reads {STEPS_VERSION}")
    steps = build_checked(Steps, values, source, StepsError)
    stated, digest = steps.extended or steps.id, steps.digest()
    if stated != digest:
        raise StepsError(f"{source}: extended or id: is {stated}, its content has {digest}")
    return steps
