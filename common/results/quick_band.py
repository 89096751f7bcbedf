"""The stored band of a paper's ``quick`` recipe: its final numbers and learning curves over seeds.

It lies in ``results/<paper>/bands/quick.json``, and `papers verify --quick` tells whether the
present code still gives it. On the machine that stored the band, runs are equal to the last bit.
Elsewhere rounding differs, and training carries it on; so means over the same seeds are compared by
the stored runs' interval.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from common.config.schema import Recipe
from common.errors import LikewiseError, UsageError
from common.files import write_atomic
from common.results.curves import CURVE_POINTS, curves_of, thin
from common.results.record import Record, RecordError, default_root, read_record
from common.results.statistics import MIN_SEEDS, Sample, half_width, summarise
from common.results.strict_dataclasses import build_checked
from common.tracking.metrics_file import METRICS_NAME, read_metrics

BAND_VERSION = 1
DEFAULT_SEEDS = tuple(range(MIN_SEEDS))
# Wider than the leaderboard's 95 %: a band has many numbers, and one false alarm in twenty
# would make every verification of a sound change fail.
CONFIDENCE = 0.99
# Seeds that happen to agree have no spread; a change below this share of the value is no news.
RELATIVE_FLOOR = 0.01
CURVE_SHARE = 0.9


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
        store = f"papers verify {paper} --quick --store --seeds {MIN_SEEDS}"
        raise RecordError(f"{error}; restore the file, or store a new band: {store}") from None


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


def band_path(paper: str, root: Path) -> Path:
    """Returns where the stored band of the paper's ``quick`` recipe lies."""
    return root / "results" / paper / "bands" / "quick.json"


@dataclass(frozen=True)
class Comparison:
    """One final number, or one learning curve, against the band.

    For a number: the two means and the largest allowed difference. For a curve: the share of its
    points that lie within the band, 1, and how much less is allowed.
    """

    name: str
    ours: float
    stored: float
    allowed: float
    is_curve: bool = False

    @property
    def inside(self) -> bool:
        """Whether the difference is allowed; never for a value that is not a number."""
        return abs(self.ours - self.stored) <= self.allowed


def band_seeds(paper: str, root: Path | None = None) -> list[int]:
    """Returns the seeds to train ``quick`` with: the stored ones, else `DEFAULT_SEEDS`."""
    root = root or default_root()
    if not band_path(paper, root).is_file():
        return list(DEFAULT_SEEDS)
    return read_band(paper, root).seeds


def require_band(recipe: Recipe, root: Path | None = None) -> None:
    """Raises `UsageError` unless a band of exactly ``recipe`` is stored."""
    band = read_band(recipe.paper, root or default_root())
    if band.config_hash != recipe.hash():
        raise UsageError(
            f"{recipe.reference} has changed since its band was stored; if that is meant, store "
            f"a new one: papers verify {recipe.paper} --quick --store"
        )


def store_band(paper: str, run_dirs: Sequence[Path], root: Path | None = None) -> Path:
    """Stores the band of finished ``quick`` runs, one a seed; returns the file."""
    band = make_band(paper, [read_quick_run(Path(folder), paper) for folder in run_dirs])
    path = band_path(paper, root or default_root())
    write_atomic(path, json.dumps(asdict(band), indent=1, sort_keys=True, allow_nan=False) + "\n")
    return path


def verify(paper: str, run_dirs: Sequence[Path], root: Path | None = None) -> list[Comparison]:
    """Compares ``quick`` runs over the stored seeds with the band.

    Args:
        paper: The folder's name under ``papers/``.
        run_dirs: Finished runs of the present code, one for each stored seed.
        root: The folder that holds ``results/``.

    Raises:
        UsageError: No band, other seeds, or a recipe or data that are not the stored ones.
        LikewiseError: Runs of different code.
    """
    root = root or default_root()
    band = read_band(paper, root)
    runs = [read_quick_run(Path(folder), paper) for folder in run_dirs]
    if len({run.record.code_digest for run in runs}) != 1:
        raise LikewiseError(f"{band.paper}/quick: the code changed between the runs; run again")
    return compare(band, runs)


def compare(band: Band, runs: Sequence[QuickRun]) -> list[Comparison]:
    """Returns the comparison of every number and every curve of the band."""
    runs = sorted(runs, key=lambda run: run.record.seed)
    _require_same_setting(band, runs)
    found = [_compare_metric(band, key, runs) for key in band.metrics]
    return found + [_compare_curve(band, key, runs) for key in band.curves]


def _require_same_setting(band: Band, runs: Sequence[QuickRun]) -> None:
    stored = {"seeds": band.seeds, "data": band.data_hashes, "recipe": [band.config_hash]}
    now = {
        "seeds": [run.record.seed for run in runs],
        "data": [run.record.data_hash for run in runs],
        "recipe": sorted({run.record.config_hash for run in runs}),
    }
    for name, value in stored.items():
        if now[name] != value:
            raise UsageError(
                f"{band.paper}/quick: {name}: the band is of {value}, the runs of {now[name]}; "
                f"if that is meant, store a new one: papers verify {band.paper} --quick --store"
            )


def _compare_metric(band: Band, key: str, runs: Sequence[QuickRun]) -> Comparison:
    values = [run.record.metrics.get(key) for run in runs]
    stored = summarise(band.metrics[key])
    numbers = [value for value in values if value is not None]
    ours = summarise(numbers) if len(numbers) == len(runs) else Sample(float("nan"), None, 0)
    return Comparison(key, ours.mean, stored.mean, allowed_difference(stored))


def _compare_curve(band: Band, key: str, runs: Sequence[QuickRun]) -> Comparison:
    curves = [run.curves.get(key, {}) for run in runs]
    batches = band.curves[key]["batches"]
    columns = [band.curves[key][f"seed {seed}"] for seed in band.seeds]
    inside = 0
    for batch, *point in zip(batches, *columns, strict=True):
        values = [curve[int(batch)] for curve in curves if int(batch) in curve]
        if len(values) == len(runs):
            ours, stored = summarise(values), summarise(point)
            inside += abs(ours.mean - stored.mean) <= allowed_difference(stored)
    return Comparison(f"{key} curve", inside / len(batches), 1.0, 1 - CURVE_SHARE + 1e-9, True)


def allowed_difference(stored: Sample) -> float:
    """Returns by how much a mean of as many seeds may differ from the stored one.

    Welch's interval of two samples with the stored spread, at least `RELATIVE_FLOOR`. The spread
    of the new runs does not count: code that breaks in some runs only would widen its own interval.
    """
    width = half_width(stored, stored.spread, stored.n, CONFIDENCE)
    return max(width or 0.0, RELATIVE_FLOOR * abs(stored.mean))
