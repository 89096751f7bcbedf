"""The record of one finished run: what was run, on what, with which code, and what came out.

A run writes it as ``result.json`` in its folder; `commit_record` copies it to ``results/``, the
only source of LEADERBOARD.md.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from common.config.files import write_atomic
from common.errors import LikewiseError, UsageError
from common.paper import get_paper
from common.registry import packages
from common.results.strict_dataclasses import build_checked

RECORD_VERSION = 1
ARM_PATTERN = re.compile(r"method|(ablation|baseline)/[a-z0-9][a-z0-9._-]*")
# They become parts of file names, and a record may come from elsewhere.
NAME_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
SPLITS = ("train", "val", "test")
CONFIG_PARTS = ("arm", "baseline", "data", "evaluation", "method", "optimizer", "seed", "trainer")
# For a setting nobody reports a number for, such as `quick`; not a change made by hand.
NO_NUMBER = "no number is reported for this setting"
CHANGED = "the recipe was changed: "
# Two generated sets whose hash in the first records was a key of their settings: the hash of their
# contents, which are the same.
SAME_DATA = {"e7aaf3583916": "e57b44e247384abb", "6d1469b67813": "c4952d0ffcaf5fac"}
# The baseline of runs that `papers try` trains with a loss of the user's.
TRIED = "own-loss"


class RecordError(UsageError):
    """A record that is broken, unfinished or from another version of the schema."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run's record; the field names are the keys of the JSON file."""

    run_id: str
    paper: str
    arm: str
    recipe: str
    variant: str | None
    seed: int
    # "trained" by this run, or "published": the authors' weights, loaded.
    weights: str = "trained"
    data: str
    data_hash: str
    # The names of the protocols, joined by "+".
    protocol: str
    # "last", or "best" with the key it was chosen by, such as "best val/mrr@10".
    selection: str
    # Keys with their split, such as test/ndcg@10. Null: not defined (a mean of nothing).
    metrics: dict[str, float | None]
    # Learning-free and untrained encoders, measured in the same run: {name: {key: value}}.
    references: dict[str, dict[str, float | None]]
    epochs: int
    batches: int
    scaled: bool
    scaled_reason: str | None
    config_hash: str
    code_digest: str
    # Null outside a git checkout.
    commit: str | None
    dirty: bool | None
    versions: dict[str, str]
    hardware: dict[str, str | int | None]
    precision: str
    devices: int
    global_batch: int
    wall_s: float
    samples_per_s: float
    data_wait_share: float
    parameters: int
    # ISO 8601 in UTC, when the run ended; the latest record of a seed counts.
    finished: str
    # entity/project/run id, once tracked; null when tracking was off.
    wandb: str | None = None
    # Learning curves, thinned: {key: [[batch, value], ...]}. None in the first records.
    curves: dict[str, list[list[float]]] = field(default_factory=dict)
    # "name sha256:<64 hex digits>" of the file with published weights.
    weights_file: str | None = None
    # Each of `CONFIG_PARTS`, resolved: what can change a result, no path. None: not known.
    config: dict[str, Any] | None = None
    # The id of the stored steps that it was made under.
    steps: str | None = None
    # "likewise", or "official": the authors' code, at ``commit``, started by ``command``, with what
    # was changed in it or in what it runs on ("none" where nothing was).
    origin: str = "likewise"
    command: str | None = None
    changes: str | None = None
    # A run by which a setting was chosen, and the split it was looked at on.
    pilot: bool = False
    looked_at: str | None = None
    status: str = "complete"
    version: int = RECORD_VERSION

    @property
    def reference(self) -> str:
        """``paper/recipe[:variant]``, as the command takes it."""
        return f"{self.paper}/{self.recipe}" + (f":{self.variant}" if self.variant else "")

    @property
    def counts(self) -> bool:
        """Whether it speaks for a setting: it is no pilot, and the code is ours."""
        return self.origin == "likewise" and not self.pilot

    @property
    def protocols(self) -> list[str]:
        """The names in ``protocol``."""
        return self.protocol.split("+")

    def measures(self, protocols: Sequence[str]) -> bool:
        """Tells whether it was measured by these protocols and by no others, in any order."""
        return sorted(self.protocols) == sorted(protocols)

    @property
    def filename(self) -> str:
        """The file's name under ``results/<paper>/``."""
        variant = f"-{self.variant}" if self.variant else ""
        return f"{self.recipe}{variant}-s{self.seed}-{self.run_id}.json"


def record_to_json(record: Record) -> str:
    """Returns the file's text; a metric that is not finite becomes null (JSON has no NaN)."""
    values = dict(vars(record))
    values["metrics"] = _finite(record.metrics)
    values["references"] = {name: _finite(row) for name, row in record.references.items()}
    config, curves = values.pop("config"), values.pop("curves")
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    # A line a section and a curve: indented, they would be most of the file.
    for name, parts in (("config", config), ("curves", curves)):
        if parts:
            text = text.removesuffix("\n}") + f",\n  {json.dumps(name)}: {_by_line(parts)}\n}}"
    return text + "\n"


def _by_line(parts: dict[str, Any]) -> str:
    texts = {
        key: json.dumps(parts[key], sort_keys=True, ensure_ascii=False) for key in sorted(parts)
    }
    lines = ",\n    ".join(f"{json.dumps(key)}: {text}" for key, text in texts.items())
    return f"{{\n    {lines}\n  }}"


def _finite(metrics: dict[str, float | None]) -> dict[str, float | None]:
    return {k: v if v is not None and math.isfinite(v) else None for k, v in metrics.items()}


def parse_record(text: str, source: str) -> Record:
    """Builds a record from a file's text.

    Args:
        text: The content.
        source: The file's name, for errors.

    Raises:
        RecordError: Half-written, no record, another version, unfinished, or a field of the
            wrong type; says which.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise RecordError(f"{source}: not readable as JSON, half-written? ({error})") from None
    if not isinstance(values, dict) or "run_id" not in values:
        raise RecordError(f"{source}: no run record (it has no run_id)")
    version = values.get("version")
    if version != RECORD_VERSION:
        raise RecordError(
            f"{source}: version: is {version!r}, this code reads {RECORD_VERSION}; "
            "use the Likewise that wrote it, or run again"
        )
    record = build_checked(Record, values, source, RecordError)
    _check_values(record, source)
    return replace(record, data_hash=SAME_DATA.get(record.data_hash, record.data_hash))


def _check_values(record: Record, source: str) -> None:
    problems: dict[str, str | bool] = {
        "status": record.status != "complete" and "a record is written when the run is complete",
        "arm": not ARM_PATTERN.fullmatch(record.arm)
        and "must be method, ablation/<name> or baseline/<name>",
        "weights": record.weights not in ("trained", "published")
        and "must be trained or published",
        # A run on images without labels has neither protocol nor metric.
        "metrics": bool(record.protocol)
        and not record.metrics
        and "a record without metrics says nothing",
        "scaled_reason": record.scaled != bool(record.scaled_reason)
        and "needed when scaled is true, and only then",
        "curves": not all(len(point) == 2 for curve in record.curves.values() for point in curve)
        and "each point is a batch and a value",
        "config": record.config is not None and _config_problem(record, record.config),
        "origin": record.origin not in ("likewise", "official") and "must be likewise or official",
        "command": (record.command is not None) != (record.origin == "official")
        and "needed when the origin is official, and only then",
        "changes": (record.changes is not None) != (record.origin == "official")
        and "needed when the origin is official, and only then",
        "commit": record.origin == "official"
        and not record.commit
        and "needed when the origin is official",
        "looked_at": record.looked_at not in (SPLITS if record.pilot else (None,))
        and f"must be one of {', '.join(SPLITS)} for a pilot, and null for other runs",
        "seed": record.seed < 0 and "must not be negative",
        "finished": not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.finished)
        and "must look like 2026-01-31T12:00:00Z",
    }
    for name in ("paper", "recipe", "variant", "run_id"):
        value = getattr(record, name)
        if value is not None and not NAME_PATTERN.fullmatch(value):
            problems[name] = "letters, digits, dots and dashes only"
    for name, problem in problems.items():
        if problem:
            raise RecordError(f"{source}: {name}: {problem}, got {getattr(record, name)!r}")


def _config_problem(record: Record, config: dict[str, Any]) -> str | bool:
    if sorted(config) != sorted(CONFIG_PARTS):
        return f"its parts must be {', '.join(CONFIG_PARTS)}"
    agrees = (config["arm"], config["seed"]) == (record.arm, record.seed)
    return not agrees and "its arm and seed must be the record's"


def read_record(path: str | Path) -> Record:
    """Reads and checks a record; raises `RecordError` naming the file and the field."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: not readable ({error})") from None
    return parse_record(text, str(path))


def write_record(record: Record, run_dir: str | Path) -> Path:
    """Checks ``record`` and writes ``run_dir/result.json`` in one step.

    Raises:
        RecordError: A field that `read_record` would refuse.
    """
    path = Path(run_dir) / "result.json"
    return _write_checked(record, path)


def _write_checked(record: Record, path: Path) -> Path:
    text = record_to_json(record)
    parse_record(text, str(path))
    write_atomic(path, text)
    return path


def has_rows(record: Record) -> bool:
    """Tells whether the leaderboard has rows of the record's paper: it is one of this project."""
    return packages().get(record.paper) == f"papers.{record.paper}"


def trial_problem(paper: str, config: Mapping[str, Any] | None) -> str | None:
    """Returns why a command does not read a run of `papers try`; None of other runs.

    Args:
        paper: Whose rival the loss took the place of.
        config: Of the run or of its record.
    """
    if config is None or config.get("baseline") != TRIED:
        return None
    loss = config.get("method", {}).get("loss", "FILE.py:LOSS")
    problem = f"a run of `papers try` with the loss {loss}, whose code is not in the run"
    if get_paper(paper).data_kind != "images":
        return f"{problem}; `papers try` and `papers compare` alone read it"
    return (
        f"{problem}; of a function, `papers try {loss} --save NAME` makes a paper, whose runs can "
        "be used"
    )


def commit_record(record: Record, results: str | Path) -> Path:
    """Copies ``record`` to ``results/<paper>/``, where the leaderboard reads it."""
    return _write_checked(record, Path(results) / record.paper / record.filename)


def load_records(results: str | Path, paper: str = "*") -> list[Record]:
    """Reads the records of one paper, or of all, under ``results/<paper>/``, in order of names.

    Those of run folders, ``<paper>/<recipe>/<run>/result.json``, come after those that are filed.

    Raises:
        RecordError: A file that is no good record; nothing is left out silently.
        LikewiseError: A record filed under another paper or twice.
    """
    records: dict[str, Record] = {}
    folder = Path(results)
    paths = sorted(folder.glob(f"{paper}/*.json"))
    for path in [*paths, *sorted(folder.glob(f"{paper}/*/*/result.json"))]:
        record = read_record(path)
        if record.paper != path.relative_to(folder).parts[0] or record.run_id in records:
            raise LikewiseError(
                f"{path}: run {record.run_id} of {record.paper} is filed under another paper "
                "or twice; remove one of them"
            )
        records[record.run_id] = record
    return list(records.values())
