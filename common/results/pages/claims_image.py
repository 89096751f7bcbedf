"""The README's image: a square for each claim of each paper, coloured by its verdict."""

from collections import Counter
from collections.abc import Iterator
from html import escape

from common.results.leaderboard import Leaderboard
from common.results.verdicts import Decision

# A verdict's colour (Okabe and Ito's, as in plots); all others are one kind, with an empty square.
COLOURS = {
    "holds": "#009E73",
    "no difference": "#56B4E9",
    "opposite": "#D55E00",
    "undecided": "#E69F00",
}
OPEN = "not tested or moved"
WIDTH, ROW, SQUARE, STEP = 560, 19, 12, 16
NAMES, TOP = 168, 62
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.o { fill: none; stroke: #8c959f; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }
"""


def claims_image(board: Leaderboard) -> str:
    """Returns the image as SVG, in two columns of papers.

    A filled square is a claim that was written down before its runs, and a ring one whose runs are
    older (`Decision.seen_before`).
    """
    found = {paper: board.decisions(paper) for paper in board.papers()}
    rows = (len(found) + 1) // 2
    height = TOP + rows * ROW
    parts = [*_legend([one for some in found.values() for one in some])]
    for place, (paper, decided) in enumerate(found.items()):
        x, y = WIDTH // 2 * (place // rows), TOP + ROW * (place % rows)
        parts.append(_text(x + NAMES - 8, y + 11, paper, ' text-anchor="end"'))
        ordered = sorted(decided, key=lambda one: [*COLOURS, OPEN].index(_kind(one)))
        parts += [_square(x + NAMES + STEP * n, y, one) for n, one in enumerate(ordered)]
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    body = "\n".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size}>
<style>{STYLE}</style>
{body}
</svg>
"""


def _kind(decision: Decision) -> str:
    return decision.kind if decision.kind in COLOURS else OPEN


def _legend(decided: list[Decision]) -> Iterator[str]:
    counts = Counter(map(_kind, decided))
    yield _text(0, 13, f"What runs of small models say of {len(decided)} claims")
    x = 0
    for kind in [*COLOURS, OPEN]:
        yield _mark(x, 22, kind, ring=False)
        label = f"{kind} {counts[kind]}"
        yield _text(x + STEP, 33, label)
        x += STEP + 8 + round(6.6 * len(label))
    yield _mark(0, 41, "holds", ring=True)
    yield _text(STEP, 52, "a ring: the runs are older than the claim as it was written down here")


def _square(x: int, y: int, decision: Decision) -> str:
    kind = _kind(decision)
    return _mark(x, y, kind, decision.seen_before and kind != OPEN)


def _mark(x: int, y: int, kind: str, ring: bool) -> str:
    if kind == OPEN:
        look = 'class="o"'
    elif ring:
        look = f'fill="none" stroke="{COLOURS[kind]}" stroke-width="3"'
    else:
        look = f'fill="{COLOURS[kind]}" stroke="{COLOURS[kind]}"'
    inset = 1.5 if ring else 0.5
    side = SQUARE - 2 * inset
    return f'<rect x="{x + inset}" y="{y + inset}" width="{side}" height="{side}" {look}/>'


def _text(x: int, y: int, text: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}"{more}>{escape(text)}</text>'
