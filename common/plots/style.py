"""What all plots share: a palette for every kind of sight, and figures without global state."""

import io
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind can tell apart, light yellow left out; together
# with MARKERS they make twelve kinds of points.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h")
GREY = "#BBBBBB"
SAME, OTHER = COLOURS[2], COLOURS[1]
CHARACTERS_PER_INCH = 11
DOTS_PER_INCH = 110


def new_figure(width: float, height: float, title: str) -> "tuple[Figure, Axes]":
    """Returns a figure of ``width`` x ``height`` inches with its title and one axes.

    Made without pyplot, which would keep every figure alive and look for a display.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    lines = textwrap.wrap(title, max(int(width * CHARACTERS_PER_INCH), 20))
    figure.suptitle("\n".join(lines), fontsize=10)
    return figure, figure.subplots()


def to_png(figure: "Figure") -> bytes:
    """Returns the figure as a PNG file's content."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH)
    return content.getvalue()
