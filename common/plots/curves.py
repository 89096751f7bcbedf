"""Learning curves: of one run against the epoch, and of several arms, the mean of seeds bold."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.plots.style import COLOURS, MARKERS, new_figure
from common.results.comparison import Arms
from common.results.curves import LEARNING, curves_of, is_wanted
from common.results.record import Record
from common.results.statistics import summarise
from common.tracking.metrics_file import METRICS_NAME, read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 3
DASHES = ("-", "--", ":", "-.")
Curve = dict[float, float]
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


def compared_curves(
    found: Sequence[Arms], wanted: Sequence[str] = LEARNING, title: str = "Learning curves"
) -> "Figure | None":
    """Draws a panel for each curve of ``wanted`` that an arm's record keeps, a line for each arm.

    None where no record keeps one.
    """
    panels = [(arms, key) for arms in found for key in _keys(arms, wanted)]
    if not panels:
        return None
    columns = min(len(panels), MOST_COLUMNS)
    rows = math.ceil(len(panels) / columns)
    figure, axes = new_figure(4.2 * columns, 3.2 * rows + 0.4, f"{title} over seeds")
    axes.remove()
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    names = [*dict.fromkeys(name for arms in found for name in arms.names)]
    for axes, (arms, key) in zip(grid, panels, strict=False):
        _draw(axes, arms, key, names)
    for axes in grid[len(panels) :]:
        axes.remove()
    handles = [axes.plot([], [], **_line_style(place))[0] for place in range(len(names))]
    figure.legend(handles, names, loc="outside lower center", fontsize=7, frameon=False)
    return figure


def _keys(arms: Arms, wanted: Sequence[str]) -> list[str]:
    kept = {key for group in arms.groups for record in group.records for key in record.curves}
    return [key for key in sorted(kept) if is_wanted(key, wanted)]


def _draw(axes: "Axes", arms: Arms, key: str, names: Sequence[str]) -> None:
    for name, group in zip(arms.names, arms.groups, strict=True):
        style = _line_style(names.index(name))
        curves = [curve for record in group.records if (curve := _curve(record, key))]
        for curve in curves:
            axes.plot([*curve], [*curve.values()], **{**style, "alpha": 0.3, "lw": 0.7})
        mean = dict(_mean(curves))
        axes.plot([*mean], [*mean.values()], **style)
    axes.set_xlabel("epoch")
    axes.set_title(f"{key} on {arms.groups[0].latest.data}", fontsize=9)


def _curve(record: Record, key: str) -> Curve:
    """Returns ``{epoch: value}``."""
    epochs = max(record.epochs, 1) / max(record.batches, 1)
    return {batch * epochs: value for batch, value in record.curves.get(key, [])}


def _mean(curves: Sequence[Curve]) -> Iterator[tuple[float, float]]:
    """Yields the mean over seeds where each of them has a point."""
    for epoch in curves[0] if curves else ():
        if all(epoch in curve for curve in curves):
            yield epoch, summarise([curve[epoch] for curve in curves]).mean


def _line_style(place: int) -> dict[str, Any]:
    dash = DASHES[place // len(COLOURS) % len(DASHES)]
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": dash,
        "lw": 1.6,
        "marker": ".",
        "ms": 4,
    }
