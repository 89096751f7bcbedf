"""Attributions for people: words in colour on a terminal or a page, and plots."""

import base64
import html
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from common.explain.attribution import Explained
from common.plots.style import GREY, new_figure, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# For the score, against it; both readable by the colour-blind on white and on black.
FOR, AGAINST = (0, 114, 178), (213, 94, 0)
Attributions = Mapping[str, NDArray[np.float64]]


def strengths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns ``values (units,)`` over the largest magnitude, or zeros."""
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values


def in_colour(names: list[str], values: NDArray[np.float64]) -> Text:
    """Returns the units in a row, blue for the score and orange against it."""
    text = Text()
    for name, strength in zip(names, strengths(values), strict=True):
        text.append(name, style=f"black on rgb({','.join(map(str, shade(strength)))})")
        text.append(" ")
    return text


def shade(strength: float) -> list[int]:
    """Returns the colour of a strength in -1..1, from white to `FOR` or `AGAINST`."""
    full = FOR if strength > 0 else AGAINST
    # Black stays readable on it.
    return [round(255 - 0.7 * abs(strength) * (255 - part)) for part in full]


def page(given: Explained, found: Attributions, title: str) -> str:
    """Returns an HTML page with a row for each method; of images and series the plot."""
    if given.words:
        rows = "".join(
            f"<p><b>{name}</b><br>{_spans(given.names, values)}</p>"
            for name, values in found.items()
        )
    else:
        image = base64.b64encode(to_png(plot(given, found, title))).decode()
        rows = f'<img alt="{html.escape(title)}" src="data:image/png;base64,{image}">'
    said = html.escape(f"{given.says}. Blue units raise it, orange ones lower it.")
    return (
        f'<!doctype html><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<body style="font: 16px sans-serif; margin: 2em"><h1>{html.escape(title)}</h1>'
        f"<p>{said}</p>{rows}\n"
    )


def _spans(names: list[str], values: NDArray[np.float64]) -> str:
    return " ".join(
        f'<span title="{value:.4g}" style="color:#000;background:rgb({",".join(map(str, rgb))})">'
        f"{html.escape(name)}</span>"
        for name, value, rgb in zip(names, values, map(shade, strengths(values)), strict=True)
    )


def plot(given: Explained, found: Attributions, title: str) -> "Figure":
    """Returns a figure with one plot for each method."""
    figure, first = new_figure(8, 2.2 * len(found) + 0.6, title)
    first.remove()
    draw = _bars if given.words else _steps if given.x.ndim == 2 else _patches
    side_by_side = draw is _patches
    grid = (1, len(found)) if side_by_side else (len(found), 1)
    if side_by_side:
        figure.set_size_inches(2.6 * len(found), 3.2)
    for axes, (name, values) in zip(
        np.ravel(figure.subplots(*grid, squeeze=False)), found.items(), strict=True
    ):
        draw(axes, given, strengths(values))
        axes.set_title(name, fontsize=9)
    return figure


def _colours(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([shade(value) for value in values]) / 255


def _bars(axes: "Axes", given: Explained, values: NDArray[np.float64]) -> None:
    axes.bar(range(len(values)), values, color=_colours(np.sign(values)))
    axes.set_xticks(range(len(values)), given.names, rotation=30, ha="right", fontsize=8)


def _steps(axes: "Axes", given: Explained, values: NDArray[np.float64]) -> None:
    axes.plot(given.x[:, -1].numpy(), color=GREY, zorder=1)
    axes.scatter(
        range(len(values)), given.x[:, -1].numpy(), c=_colours(values), s=18, edgecolor=GREY
    )


def _patches(axes: "Axes", given: Explained, values: NDArray[np.float64]) -> None:
    axes.imshow(given.x.mean(0).numpy(), cmap="gray")
    place = given.place[0].numpy()
    axes.imshow(_colours(np.sign(values))[place], alpha=0.7 * np.abs(values)[place])
    axes.set_axis_off()
