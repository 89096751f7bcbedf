"""Learning curves of several arms in one image: each seed thin, the mean of an arm's seeds bold."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from common.plots.style import COLOURS, new_figure
from common.results.comparison import Arms
from common.results.curves import LEARNING
from common.results.record import Record
from common.results.statistics import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 3
DASHES = ("-", "--", ":", "-.")
Curve = dict[float, float]


def compared_curves(found: Sequence[Arms]) -> "Figure | None":
    """Draws a panel for each curve that an arm's record keeps, a line for each arm.

    None where no record keeps a curve. The first panel of each of ``found`` is its training loss.
    """
    panels = [(arms, key) for arms in found for key in _keys(arms)]
    if not panels:
        return None
    columns = min(len(panels), MOST_COLUMNS)
    rows = math.ceil(len(panels) / columns)
    figure, axes = new_figure(4.2 * columns, 3.2 * rows + 0.4, "Learning curves over seeds")
    axes.remove()
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    names = [*dict.fromkeys(name for arms in found for name in arms.names)]
    for axes, (arms, key) in zip(grid, panels, strict=False):
        _draw(axes, arms, key, names)
    for axes in grid[len(panels) :]:
        axes.remove()
    handles = [axes.plot([], [], **_style(place))[0] for place in range(len(names))]
    figure.legend(handles, names, loc="outside lower center", fontsize=7, frameon=False)
    return figure


def _keys(arms: Arms) -> list[str]:
    kept = {key for group in arms.groups for record in group.records for key in record.curves}
    loss, split = LEARNING
    return [key for key in sorted(kept) if key == loss or key.startswith(split)]


def _draw(axes: "Axes", arms: Arms, key: str, names: Sequence[str]) -> None:
    for name, group in zip(arms.names, arms.groups, strict=True):
        style = _style(names.index(name))
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


def _style(place: int) -> dict[str, Any]:
    dash = DASHES[place // len(COLOURS) % len(DASHES)]
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": dash,
        "lw": 1.6,
        "marker": ".",
        "ms": 4,
    }
