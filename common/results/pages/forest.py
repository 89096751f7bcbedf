"""Forest plots: differences of claims in units of what matters, with their intervals, as SVG."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from common.results.leaderboard import Leaderboard
from common.results.pages.formatting import difference_text, fine_places, verdict_text
from common.results.statistics import half_width
from common.results.verdicts import Decision

WIDTH, ROW, TOP, BOTTOM = 980, 22, 48, 30
# Where the names end, the axis begins and ends, and the verdicts begin; a letter's width.
LETTER = 7
NAMES, LEFT, RIGHT, VERDICTS = 365, 380, 690, 705
# The axis is linear near 0 and logarithmic beyond: some differences are fifty times what matters.
TICKS = (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100)
LEAST = 3.0
LEGEND = (
    "ahead by, in units of the smallest difference that matters; "
    "filled: real data; hollow: generated data"
)
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.small { font-size: 11px; } .axis { stroke: #8c959f; } .dashed { stroke-dasharray: 3 3; }
.bar { stroke: #1f2328; stroke-width: 2; }
.real { fill: #1f2328; stroke: #1f2328; stroke-width: 2; }
.generated { fill: #ffffff; stroke: #1f2328; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .bar { stroke: #e6edf3; }
  .real { fill: #e6edf3; stroke: #e6edf3; } .generated { fill: #0d1117; stroke: #e6edf3; }
}
"""


@dataclass(frozen=True)
class Bar:
    """A row: a name, a difference and its interval in units of what matters, and the verdict."""

    name: str
    gap: float
    half: float | None
    generated: bool
    verdict: str


def bar_of(name: str, decision: Decision, generated: bool) -> Bar | None:
    """Returns the row of a claim, or None where no pair of runs tells of it."""
    comparison, found = decision.claim.comparison, decision.differences
    if comparison is None or found is None:
        return None
    width = half_width(found, None, None)
    half = None if width is None else width / comparison.matters
    size = difference_text(found, fine_places(comparison.matters)).replace("(", "").replace(")", "")
    verdict = f"{verdict_text(decision)} ({size})"
    return Bar(name, found.mean / comparison.matters, half, generated, verdict)


def claims_forest(board: Leaderboard, paper: str) -> str | None:
    """Returns the plot of the paper's claims, those on real data first; None without a run."""
    bars = [
        bar
        for one in board.decisions(paper)
        if (bar := bar_of(one.claim.short, one, board.is_generated(one)))
    ]
    ordered = sorted(bars, key=lambda bar: bar.generated)
    return forest(f"What {paper} claims, and what runs say of it", ordered) if bars else None


def headline_forest(board: Leaderboard) -> str:
    """Returns the plot of the headline claim of each paper, those on real data first."""
    bars = [
        bar
        for paper in board.papers()
        if (one := board.headline(paper))
        and (bar := bar_of(f"{paper}: {one.claim.short}", one, board.is_generated(one)))
    ]
    ordered = sorted(bars, key=lambda bar: bar.generated)
    return forest("The headline claim of each paper, and what runs say of it", ordered)


def forest(title: str, bars: Sequence[Bar]) -> str:
    """Returns ``bars`` as SVG, each with a mark: filled on real data, hollow on generated ones."""
    height = TOP + ROW * len(bars) + BOTTOM
    start = NAMES - LETTER * max((len(bar.name) for bar in bars), default=0)
    ends = [abs(bar.gap) + (bar.half or 0.0) for bar in bars]
    axis = _Axis(max([LEAST, *ends]) * 1.1)
    parts = [
        _text(start, 14, title),
        _text(start, 32, LEGEND, "small"),
        *axis.lines(TOP - 4, height - BOTTOM),
    ]
    for place, bar in enumerate(bars):
        parts += _row(bar, TOP + ROW * place + ROW // 2, axis)
    width = WIDTH - start
    size = f'viewBox="{start} 0 {width} {height}" width="{width}" height="{height}"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


@dataclass(frozen=True)
class _Axis:
    most: float

    def x(self, value: float) -> float:
        share = math.asinh(value) / math.asinh(self.most)
        return round((LEFT + RIGHT) / 2 + share * (RIGHT - LEFT) / 2, 1)

    def lines(self, top: int, bottom: int) -> Iterator[str]:
        for tick in TICKS:
            if abs(tick) <= self.most:
                look = "axis" if tick == 0 else "axis dashed"
                if abs(tick) <= 1:
                    yield _line(self.x(tick), top, self.x(tick), bottom, look)
                yield _text(self.x(tick), bottom + 16, f"{tick}", "small", "middle")


def _row(bar: Bar, y: int, axis: _Axis) -> Iterator[str]:
    yield _text(NAMES, y + 4, bar.name, anchor="end")
    if bar.half is not None:
        yield _line(axis.x(bar.gap - bar.half), y, axis.x(bar.gap + bar.half), y, "bar")
    look = "generated" if bar.generated else "real"
    yield f'<circle cx="{axis.x(bar.gap)}" cy="{y}" r="4.5" class="{look}"/>'
    yield _text(VERDICTS, y + 4, bar.verdict, "small")


def _line(x: float, y: float, x2: float, y2: float, look: str) -> str:
    return f'<line x1="{x}" y1="{y}" x2="{x2}" y2="{y2}" class="{look}"/>'


def _text(x: float, y: float, text: str, look: str = "", anchor: str = "start") -> str:
    marks = f' class="{look}"' if look else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{marks}>{escape(text)}</text>'
