"""`papers verify --quick`: does the present code still give the stored numbers and learning curves?

On the machine that stored the band, runs are equal to the last bit. Elsewhere rounding differs,
and training carries it on; so means over the same seeds are compared by the stored runs' interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.config.schema import Recipe
from common.errors import LikewiseError, UsageError
from common.leaderboard.bands import (
    DEFAULT_SEEDS,
    Band,
    QuickRun,
    band_samples,
    make_band,
    read_band,
    read_quick_run,
    write_band,
)
from common.leaderboard.board import band_path, default_root
from common.leaderboard.statistics import Sample, half_width, summarise

# Wider than the leaderboard's 95 %: a band has many numbers, and one false alarm in twenty
# would make every verification of a sound change fail.
CONFIDENCE = 0.99
# Seeds that happen to agree have no spread; a change below this share of the value is no news.
RELATIVE_FLOOR = 0.01
CURVE_SHARE = 0.9


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
    runs = [read_quick_run(Path(folder), paper) for folder in run_dirs]
    return write_band(make_band(paper, runs), root or default_root())


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
    points = band_samples(band, key)
    inside = 0
    for batch, stored in points:
        values = [curve[batch] for curve in curves if batch in curve]
        if len(values) == len(runs):
            ours = summarise(values)
            inside += abs(ours.mean - stored.mean) <= allowed_difference(stored)
    return Comparison(f"{key} curve", inside / len(points), 1.0, 1 - CURVE_SHARE + 1e-9, True)


def allowed_difference(stored: Sample) -> float:
    """Returns by how much a mean of as many seeds may differ from the stored one.

    Welch's interval of two samples with the stored spread, at least `RELATIVE_FLOOR`. The spread
    of the new runs does not count: code that breaks in some runs only would widen its own interval.
    """
    width = half_width(stored, stored.spread, stored.n, CONFIDENCE)
    return max(width or 0.0, RELATIVE_FLOOR * abs(stored.mean))
