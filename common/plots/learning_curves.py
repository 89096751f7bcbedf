"""What was measured during training, against the epoch."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from common.plots.style import COLOURS, MARKERS, new_figure
from common.results.curves import curves_of
from common.tracking.metrics_file import METRICS_NAME, read_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PANELS = 6
SPLIT = "val/"
# Written at the end of each epoch, so that it tells how long one is.
EPOCH_KEY = "train/epoch_loss"
Curves = dict[str, dict[int, float]]


def draw_run(run_dir: Path) -> "dict[str, Callable[[], Figure]]":
    """Returns the plot by its name; a run that was not measured on the way shows its loss."""
    curves = measured_curves(run_dir) or measured_curves(run_dir, EPOCH_KEY)
    return {"learning_curves": lambda: learning_curves(run_dir, curves)} if curves else {}


def measured_curves(run_dir: Path, prefix: str = SPLIT) -> Curves:
    """Returns ``{key: {batch: value}}`` of what was measured at least twice, of validation."""
    path = run_dir / METRICS_NAME
    curves = curves_of(read_metrics(path), (prefix,)) if path.is_file() else {}
    return {key: points for key, points in curves.items() if len(points) > 1}


def batches_per_epoch(run_dir: Path) -> float | None:
    """Returns how long an epoch was, or None if none has ended."""
    rows = (row for row in read_metrics(run_dir / METRICS_NAME) if row.key == EPOCH_KEY)
    return next((row.batch / (row.epoch + 1) for row in rows), None)


def panels_of(curves: Curves) -> dict[str, list[str]]:
    """Returns the keys that share a panel: one for ``hr@5`` and ``hr@10``, and so on."""
    panels: dict[str, list[str]] = {}
    for key in curves:
        panels.setdefault(key.removeprefix(SPLIT).partition("@")[0], []).append(key)
    return dict(list(panels.items())[:MOST_PANELS])


def learning_curves(run_dir: Path, curves: Curves) -> "Figure":
    """Draws a panel for each measure, a line for each cutoff.

    Args:
        run_dir: Holds ``metrics.csv``.
        curves: As `measured_curves` returns them.
    """
    panels, length = panels_of(curves), batches_per_epoch(run_dir)
    what = "Training loss" if EPOCH_KEY in curves else "Validation"
    title = f"{what} of {run_dir.parent.name}, run {run_dir.name}"
    figure, axes = new_figure(3.4 * len(panels) + 0.4, 3.2, title)
    axes.remove()
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, keys) in zip(grid, panels.items(), strict=True):
        for place, key in enumerate(sorted(keys, key=lambda key: (len(key), key))):
            batches = sorted(curves[key])
            axes.plot(
                [batch / (length or 1) for batch in batches],
                [curves[key][batch] for batch in batches],
                color=COLOURS[place % len(COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                markersize=3,
                label=key.removeprefix(SPLIT),
            )
        axes.set_xlabel("epoch" if length else "batch")
        axes.set_title(name, fontsize=9)
        axes.legend(fontsize=7, frameon=False)
    return figure
