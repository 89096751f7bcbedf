"""The stored band of a paper's ``quick`` recipe: its final numbers and learning curves over seeds.

It lies in ``results/<paper>/bands/quick.json`` and is what `papers verify --quick` compares with.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from common.errors import UsageError
from common.files import write_atomic
from common.leaderboard.board import band_mend, band_path
from common.leaderboard.checked import build_checked
from common.leaderboard.curves import CURVE_POINTS, curves_of, thin
from common.leaderboard.record import Record, RecordError, read_record
from common.leaderboard.statistics import MIN_SEEDS, Sample, summarise
from common.tracking.metrics_file import METRICS_NAME, read_metrics

BAND_VERSION = 1
DEFAULT_SEEDS = tuple(range(MIN_SEEDS))


@dataclass(frozen=True, kw_only=True)
class Band:
    """What ``quick`` gave when the band was stored, one value for each of ``seeds``.

    A curve holds ``batches`` and, for each seed, the values there as ``seed <n>``. Means and
    spreads are computed when they are compared, by the same functions for both sides.
    """

    paper: str
    seeds: list[int]
    config_hash: str
    data_hashes: list[str]
    metrics: dict[str, list[float]]
    curves: dict[str, dict[str, list[float]]]
    version: int = BAND_VERSION


@dataclass(frozen=True)
class QuickRun:
    """A finished run of ``quick``: its record and its learning curves."""

    record: Record
    curves: dict[str, dict[int, float]]


def read_quick_run(run_dir: Path, paper: str) -> QuickRun:
    """Reads a run folder.

    Raises:
        UsageError: If it holds no finished run of the paper's ``quick`` recipe as written.
    """
    record = read_record(run_dir / "result.json")
    if (record.reference, record.arm) != (f"{paper}/quick", "method"):
        raise UsageError(f"{run_dir}: holds {record.reference}, not {paper}/quick")
    return QuickRun(record, curves_of(read_metrics(run_dir / METRICS_NAME)))


def make_band(paper: str, runs: Sequence[QuickRun]) -> Band:
    """Makes the band of ``runs``, one a seed.

    Raises:
        UsageError: Fewer than `MIN_SEEDS`, a seed twice, or runs of different settings or code.
    """
    runs = sorted(runs, key=lambda run: run.record.seed)
    records = [run.record for run in runs]
    seeds = [record.seed for record in records]
    if len(set(seeds)) < MIN_SEEDS or len(set(seeds)) != len(seeds):
        raise UsageError(f"{paper}: a band needs at least {MIN_SEEDS} different seeds, got {seeds}")
    for name in ("config_hash", "code_digest", "scaled_reason"):
        found = sorted({str(getattr(record, name)) for record in records})
        if len(found) > 1:
            raise UsageError(f"{paper}: the runs differ in {name}: {', '.join(found)}")
    keys = set.intersection(*(set(record.metrics) for record in records))
    metrics = {}
    for key in sorted(keys):
        values = [record.metrics[key] for record in records]
        metrics[key] = [value for value in values if value is not None]
    return Band(
        paper=paper,
        seeds=seeds,
        config_hash=records[0].config_hash,
        data_hashes=[record.data_hash for record in records],
        metrics={key: values for key, values in metrics.items() if len(values) == len(runs)},
        curves=_shared_curves(runs),
    )


def _shared_curves(runs: Sequence[QuickRun]) -> dict[str, dict[str, list[float]]]:
    keys = set.intersection(*(set(run.curves) for run in runs))
    curves = {}
    for key in sorted(keys):
        batches = sorted(set.intersection(*(set(run.curves[key]) for run in runs)))
        kept = thin(batches, CURVE_POINTS)
        values = {f"seed {r.record.seed}": [r.curves[key][b] for b in kept] for r in runs}
        curves[key] = {"batches": [float(batch) for batch in kept], **values}
    return {key: curve for key, curve in curves.items() if curve["batches"]}


def band_samples(band: Band, key: str) -> list[tuple[int, Sample]]:
    """Returns ``(batch, mean and spread over seeds)`` along the curve ``key``."""
    curve = band.curves[key]
    columns = [curve[f"seed {seed}"] for seed in band.seeds]
    points = zip(*columns, strict=True)
    return [(int(b), summarise(p)) for b, p in zip(curve["batches"], points, strict=True)]


def write_band(band: Band, root: Path) -> Path:
    """Writes the band where `papers verify` and the leaderboard read it."""
    path = band_path(band.paper, root)
    write_atomic(path, json.dumps(asdict(band), indent=1, sort_keys=True, allow_nan=False) + "\n")
    return path


def read_band(paper: str, root: Path) -> Band:
    """Reads the stored band.

    Raises:
        UsageError: If none is stored, with the command that stores one.
        RecordError: If the file is broken or from another version, with what to do.
    """
    path = band_path(paper, root)
    if not path.is_file():
        raise UsageError(
            f"{paper}: no band is stored yet; run papers verify {paper} --quick --store"
        )
    try:
        return _read_checked(path, paper)
    except RecordError as error:
        raise RecordError(f"{error}; {band_mend(paper)}") from None


def _read_checked(path: Path, paper: str) -> Band:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: not readable as JSON, half-written? ({error})") from None
    if not isinstance(values, dict) or values.get("version") != BAND_VERSION:
        raise RecordError(f"{path}: no band of version {BAND_VERSION}")
    band = build_checked(Band, values, str(path), RecordError)
    if band.paper != paper or len(band.seeds) < 2:
        raise RecordError(f"{path}: is the band of {band.paper!r}, seeds {band.seeds}")
    return band
