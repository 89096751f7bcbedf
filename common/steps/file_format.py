"""The file of a setting's steps, and how two of them differ."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.errors import UsageError
from common.files import write_atomic
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
    id: str = ""
    version: int = STEPS_VERSION

    def label(self, key: str, place: int) -> str:
        """Returns the name of one number."""
        names = self.names.get(key.rpartition("/")[2])
        return f"{key} {names[place] if names else place}"

    @property
    def tells(self) -> bool:
        """Whether most of it can be compared: else a change might go unnoticed."""
        return 2 * len(self.ill_conditioned) < sum(map(len, self.values.values()))

    def digest(self) -> str:
        """Returns 12 hex digits over all but the versions."""
        values = {k: v for k, v in asdict(self).items() if k not in ("id", "versions")}
        text = json.dumps(values, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(first: Steps, second: Steps, tolerance: float) -> Iterator[str]:
    """Yields the label of each number by which two runs differ by more than ``tolerance``."""
    for key in sorted(first.values.keys() | second.values.keys()):
        then, now = first.values.get(key), second.values.get(key)
        if then is None or now is None or len(then) != len(now):
            yield f"{key}: not as many numbers"
            continue
        for place, (a, b) in enumerate(zip(then, now, strict=True)):
            if not _equal(a, b, tolerance):
                yield first.label(key, place)


def _equal(a: float | None, b: float | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=0.0)


def compare(stored: Steps, now: Steps, tolerance: float = TOLERANCE) -> list[str]:
    """Returns what differs between stored steps and those of now, by name; empty: nothing.

    What either calls ill-conditioned is left out.
    """
    skipped = {*stored.ill_conditioned, *now.ill_conditioned}
    found = [name for name in differences(stored, now, tolerance) if name not in skipped]
    for name in ("orders", "names", "shape", "batches", "epochs"):
        if getattr(stored, name) != getattr(now, name):
            found.append(name)
    return found


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
    if steps.id != steps.digest():
        raise StepsError(f"{source}: id: is {steps.id}, its content has {steps.digest()}")
    return steps
