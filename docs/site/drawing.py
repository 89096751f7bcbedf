"""Drawings of the site as SVG: flowcharts in Mermaid's form, and the house by its imports."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from itertools import pairwise, product
from pathlib import Path
from textwrap import wrap

from common.results.numbers_and_shell import is_ground, is_numbers

LETTER, LINE, PAD, GAP, BETWEEN = 6.4, 16, 8, 32, 24
# Letters on a line of an arrow, and of a box.
MOST, MOST_OF_BOX = 18, 20
# `a`, `a["text"]` or `a([text])`.
NODE = re.compile(r'([\w-]+)(?:\["([^"]*)"\]|\(\[([^\]]*)\]\))?')
ARROW = re.compile(
    r'\s(?:(?:-->|-\.->)\|([^|]*)\||-->|-\.->|-- "([^"]*)" -->|-\. "([^"]*)" \.->)\s?'
)


@dataclass
class Box:
    """A node: its lines of text, whether its corners are round or its outline dashed, its place.

    One without text is a point of a long arrow, which crosses the ``span`` of its layer there.
    """

    lines: list[str] = field(default_factory=list)
    round: bool = False
    dashed: bool = False
    layer: int = 0
    x: float = 0.0
    y: float = 0.0
    span: float = 0.0

    @property
    def width(self) -> float:
        """Pixels."""
        return max(map(len, self.lines)) * LETTER + 2 * PAD if self.lines else self.span

    @property
    def height(self) -> float:
        """Pixels."""
        return len(self.lines) * LINE + PAD if self.lines else 0


@dataclass(frozen=True)
class Arrow:
    """From one box to another, by name."""

    start: str
    end: str
    text: str = ""
    dashed: bool = False


@dataclass
class Flow:
    """Boxes and arrows, which run to the right or down."""

    boxes: dict[str, Box]
    arrows: list[Arrow]
    down: bool = False

    @cached_property
    def forward(self) -> list[Arrow]:
        """The arrows without those that close a circle, as they are met from the first box on."""
        done: dict[str, bool] = {}
        back: set[Arrow] = set()

        def visit(name: str) -> None:
            done[name] = False
            for arrow in self.arrows:
                if arrow.start == name and done.get(arrow.end, True) is False:
                    back.add(arrow)
                elif arrow.start == name and arrow.end not in done:
                    visit(arrow.end)
            done[name] = True

        for name in self.boxes:
            if name not in done:
                visit(name)
        return [arrow for arrow in self.arrows if arrow not in back]

    def place(self) -> dict[Arrow, list[Box]]:
        """Places the boxes; returns the boxes and points through which each arrow runs."""
        for _ in self.boxes:
            for arrow in self.forward:
                start, end = self.boxes[arrow.start], self.boxes[arrow.end]
                end.layer = max(end.layer, start.layer + 1)
        ways: dict[Arrow, list[Box]] = {}
        layers: list[list[Box]] = [[] for _ in range(1 + max(b.layer for b in self.boxes.values()))]
        for box in self.boxes.values():
            layers[box.layer].append(box)
        for arrow in self.arrows:
            start, end = self.boxes[arrow.start], self.boxes[arrow.end]
            points = [Box(layer=one) for one in range(start.layer + 1, end.layer)]
            for point in points:
                layers[point.layer].append(point)
            ways[arrow] = [start, *points, end]
        self._order(layers, [ways[arrow] for arrow in self.forward])
        self._spread(layers)
        return ways

    def _order(self, layers: list[list[Box]], ways: list[list[Box]]) -> None:
        """Sorts each layer by the mean place of its boxes' neighbours, so that few arrows cross."""
        links = [pair for way in ways for pair in pairwise(way)]
        for backwards in (False, True) * 4:
            for layer in layers[::-1] if backwards else layers:
                for at, box in enumerate(layer):
                    box.y = at
            for layer in layers[-2::-1] if backwards else layers[1:]:
                mean = {}
                for box in layer:
                    near = (
                        [b.y for a, b in links if a is box]
                        if backwards
                        else [a.y for a, b in links if b is box]
                    )
                    mean[id(box)] = sum(near) / len(near) if near else box.y
                layer.sort(key=lambda box: mean[id(box)])
                for at, box in enumerate(layer):
                    box.y = at

    def _spread(self, layers: list[list[Box]]) -> None:
        """Gives each layer a column (or row), and centres it."""
        along = 0.0
        for at, layer in enumerate(layers):
            deep = max(box.height if self.down else box.width for box in layer)
            sizes = [(box.width if self.down else box.height) + BETWEEN for box in layer]
            across = -sum(sizes) / 2
            for box, size in zip(layer, sizes, strict=True):
                place = (across + size / 2, along + deep / 2)
                box.x, box.y = place if self.down else place[::-1]
                box.span = 0.0 if self.down else deep
                across += size
            # The text of an arrow stands before its end.
            texts = (a.text for a in self.forward if self.boxes[a.end].layer == at + 1)
            along += deep + GAP + max([0, *(min(len(text), MOST) for text in texts)]) * LETTER * 0.9

    def to_html(self, title: str) -> str:
        """Returns the drawing as SVG in a block that scrolls, in the colours of the page."""
        ways = self.place()
        # Arrows from one box are apart at their ends, others at their starts: there is their text.
        leaving = Counter(arrow.start for arrow in self.forward)
        parts = [
            _arrow(arrow, way, self.down, 0.8 if leaving[arrow.start] > 1 else 0.2)
            for arrow, way in ways.items()
        ]
        parts += [_box(box) for box in self.boxes.values()]
        points = [box for way in ways.values() for box in way] + [*self.boxes.values()]
        left = min(box.x - box.width / 2 for box in points) - PAD
        right = max(box.x + box.width / 2 for box in points) + PAD
        top = min(box.y - box.height / 2 for box in points) - 2 * PAD
        bottom = max(box.y + box.height / 2 for box in points) + 4 * PAD
        size = f"{left:.0f} {top:.0f} {right - left:.0f} {bottom - top:.0f}"
        head = (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker>'
            "</defs>"
        )
        return (
            f'<div class="drawing"><svg role="img" viewBox="{size}" width="{right - left:.0f}" '
            f'style="min-width: {0.75 * (right - left):.0f}px">'
            f"<title>{escape(title)}</title>{head}{''.join(parts)}</svg></div>"
        )


def _box(box: Box) -> str:
    corner = box.height / 2 if box.round else 4
    dashes = ' stroke-dasharray="4 3"' if box.dashed else ""
    shape = (
        f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{corner:.0f}"{dashes}/>'
    )
    first = box.y - (len(box.lines) - 1) * LINE / 2 + 4
    lines = (
        f'<text x="{box.x:.1f}" y="{first + at * LINE:.1f}">{escape(line)}</text>'
        for at, line in enumerate(box.lines)
    )
    return shape + "".join(lines)


def _arrow(arrow: Arrow, way: list[Box], down: bool, near: float) -> str:
    dashes = ' stroke-dasharray="4 3"' if arrow.dashed else ""
    start, end = way[0], way[-1]
    if end.layer <= start.layer:  # back, below both
        (ax, ay), (bx, by) = (start.x, start.y + start.height / 2), (end.x, end.y + end.height / 2)
        low = max(ay, by) + 24
        path = f"M{ax:.1f} {ay:.1f}C{ax:.1f} {low:.1f} {bx:.1f} {low:.1f} {bx:.1f} {by:.1f}"
        middle = ((ax + bx) / 2, low - 4)
    else:
        path = ""
        for a, b in pairwise(way):
            if down:
                (ax, ay), (bx, by) = (a.x, a.y + a.height / 2), (b.x, b.y - b.height / 2)
                bend = f"{ax:.1f} {(ay + by) / 2:.1f} {bx:.1f} {(ay + by) / 2:.1f}"
            else:
                (ax, ay), (bx, by) = (a.x + a.width / 2, a.y), (b.x - b.width / 2, b.y)
                bend = f"{(ax + bx) / 2:.1f} {ay:.1f} {(ax + bx) / 2:.1f} {by:.1f}"
            path += f"{'L' if path else 'M'}{ax:.1f} {ay:.1f}C{bend} {bx:.1f} {by:.1f}"
            middle = ((ax + bx) / 2, ay + (by - ay) * near)
    text = f'<text class="on" x="{middle[0]:.1f}" y="{middle[1]:.1f}">' if arrow.text else ""
    rows = wrap(arrow.text, MOST)
    lifted = f'<tspan x="{middle[0]:.1f}" dy="{{}}">{{}}</tspan>'
    text += "".join(
        lifted.format(-(len(rows) - 1) * 7 - 3 if at == 0 else 14, escape(row))
        for at, row in enumerate(rows)
    )
    return (
        f'<path d="{path}"{dashes} marker-end="url(#tip)"/>{text}{"</text>" if arrow.text else ""}'
    )


def flowchart(source: str) -> Flow:
    """Reads a flowchart of Mermaid as the papers' pages have them: nodes, ``&`` and arrows.

    Raises:
        ValueError: A line in another form, which is named.
    """
    first, *lines = [line.strip() for line in source.strip().splitlines()]
    if first != "flowchart LR":
        raise ValueError(f"a drawing begins with 'flowchart LR', not with {first!r}")
    flow = Flow({}, [])
    for line in lines:
        parts, places = [], [*ARROW.finditer(line)]
        ends = [0, *(at for place in places for at in place.span()), len(line)]
        for a, b in zip(ends[::2], ends[1::2], strict=True):
            parts.append([_node(flow, one, line) for one in line[a:b].split(" & ")])
        for place, (before, after) in zip(places, pairwise(parts), strict=True):
            text = place[1] or place[2] or place[3] or ""
            for start, end in product(before, after):
                flow.arrows.append(
                    Arrow(start, end, text.strip('"'), "." in place[0].partition('"')[0])
                )
    return flow


def _node(flow: Flow, text: str, line: str) -> str:
    found = NODE.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"a drawing holds {line!r}, and {text.strip()!r} is no box of the known forms"
        )
    name, square, rounded = found.groups()
    if name not in flow.boxes or square or rounded:
        label = (square or rounded or name).strip('"')
        flow.boxes[name] = Box(wrap(label, MOST_OF_BOX), round=rounded is not None)
    return name


def house(root: Path) -> Flow:
    """Returns the packages of ``common``, each above those that it imports and no other tells of.

    Those with files of the shell half alone are dashed.
    """
    imports = {
        path.name: set(_imported(root, path)) for path in sorted((root / "common").glob("*/"))
    }
    imports = {name: found & set(imports) - {name} for name, found in imports.items()}
    reached = {name: _all_below(imports, name) for name in imports}
    arrows = [
        Arrow(name, other)
        for name, found in imports.items()
        for other in sorted(found)
        if not any(other in reached[between] for between in found - {other})
    ]
    boxes = {name: Box([name], dashed=not _moves_numbers(root, name)) for name in imports}
    return Flow(boxes, arrows, down=True)


def _imported(root: Path, folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        if is_ground(path.relative_to(root).as_posix()):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if name.startswith("common.") and not is_ground(f"{name.replace('.', '/')}.py"):
                yield name.split(".")[1]


def _all_below(imports: dict[str, set[str]], name: str) -> set[str]:
    below = set(imports.get(name, ()))
    for other in imports.get(name, ()):
        below |= _all_below(imports, other)
    return below


def _moves_numbers(root: Path, package: str) -> bool:
    paths = [
        path.relative_to(root).as_posix() for path in (root / "common" / package).rglob("*.py")
    ]
    return any(map(is_numbers, paths))
