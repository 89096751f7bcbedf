"""The leaderboard as one HTML page: the same rows, learning curves and the images of runs."""

import base64
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import cycle
from pathlib import Path

from common.errors import UsageError
from common.plots.style import COLOURS
from common.results.board import Board
from common.results.groups import Group
from common.results.pages.arms import arms_side_by_side
from common.results.pages.document import (
    Block,
    Emphasis,
    Fold,
    Heading,
    Items,
    Link,
    Span,
    Table,
    Text,
    Verbatim,
    anchor,
    spans,
)
from common.results.pages.leaderboard import leaderboard
from common.results.pages.paper import page_title, paper_page
from common.results.record import record_to_json
from common.runs.files import write_atomic

PAGE = "index.html"
RECORDS = "results"
HEAD = "<title>Leaderboard</title>"
# Width and height of a panel, and what its curves leave free at each side.
WIDTH, HEIGHT, MARGIN = 240, 150, 22
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
       color: #1a1a1a; background: #fff; overflow-wrap: anywhere; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 13px; }
th, td { border-bottom: 1px solid #ddd; overflow-wrap: normal; padding: .25rem .6rem;
         text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #888; white-space: nowrap; }
code { background: #f3f3f3; padding: 0 .2em; }
h3 { margin-top: 2.2rem; }
img { max-width: 100%; height: auto; }
figure { margin: 1rem 0; }
svg { font-size: 10px; margin-right: 1rem; }
"""


def write_page(board: Board, folder: Path, runs: Path) -> Path:
    """Writes ``folder/index.html`` and the records that its rows link to; returns the page.

    The page needs nothing else: style, curves and images are in it. All is written to a folder
    beside ``folder`` first, which then takes its place, so that a page is never half there.

    Args:
        board: What to show.
        folder: Made, or replaced where it holds such a page.
        runs: Where run folders are; those still there give their images.

    Raises:
        UsageError: ``folder`` holds something else.
    """
    check_folder(folder)
    target = folder.resolve()  # a link stays one
    mark = f"{os.getpid()}-{secrets.token_hex(4)}.tmp"
    new, old = (target.with_name(f".{target.name}.{kind}-{mark}") for kind in ("new", "old"))
    try:
        for group in board.groups:
            for record in group.records:
                text = record_to_json(record)
                write_atomic(new / RECORDS / record.paper / record.filename, text)
        write_atomic(new / PAGE, render_page(board, runs))
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder / PAGE


def check_folder(folder: Path) -> None:
    """Raises `UsageError` unless ``folder`` is missing, empty or holds only such a page."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --html takes a folder")
    names = sorted(path.name for path in folder.iterdir())
    page = folder / PAGE
    ours = not names or (page.is_file() and HEAD in page.read_text(errors="replace"))
    others = [name for name in names if name not in (PAGE, RECORDS)]
    if others or not ours:
        raise UsageError(
            f"{folder}: holds {(others or names)[0]}, which is no part of such a page; "
            "choose another folder"
        )


def render_page(board: Board, runs: Path) -> str:
    """Returns the whole page as text."""
    blocks = [*leaderboard(board, lambda paper: f"#{anchor(page_title(board, paper))}")]
    for paper in board.papers():
        blocks += paper_page(board, paper, "#how-to-read-it", whole=True)
    blocks += [Heading(1, "Every arm and metric"), *arms_side_by_side(board)]
    parts = [to_html(blocks)]
    parts += ["<h2>Learning curves</h2>", *_curves(board)]
    parts += ["<h2>Images of the runs on this machine</h2>", *_images(board, runs)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{HEAD}<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def to_html(blocks: Iterable[Block]) -> str:
    """Returns ``blocks`` as HTML; what is plain in them is escaped."""
    return "\n".join(map(_block, blocks))


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f'<h{level} id="{anchor(text)}">{_text(text)}</h{level}>'
        case Items(texts, numbered):
            kind = "ol" if numbered else "ul"
            return f"<{kind}>{''.join(f'<li>{_text(text)}</li>' for text in texts)}</{kind}>"
        case Table(header, rows):
            body = "".join(_row(row, "td") for row in rows)
            return f"<table><thead>{_row(header, 'th')}</thead><tbody>{body}</tbody></table>"
        case Fold(summary, inner):
            return f"<details><summary>{_text(summary)}</summary>\n{to_html(inner)}\n</details>"
        case _:
            return f"<p>{_text(block.text)}</p>"


def _row(cells: Sequence[Text], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{_text(cell)}</{tag}>' for cell in cells)}</tr>"


def _text(text: Text) -> str:
    return "".join(map(_span, spans(text)))


def _span(span: Span) -> str:
    """Returns ``span`` escaped; a mean and its spread stay on one line."""
    match span:
        case Verbatim(text):
            return f"<code>{escape(text)}</code>"
        case Emphasis(text):
            return f"<em>{escape(text)}</em>"
        case Link(text, target):
            return f'<a href="{escape(target)}">{escape(text)}</a>'
        case _:
            return escape(span).replace("\n", " ").replace(" ± ", "\u00a0±\u00a0")


def _curves(board: Board) -> Iterator[str]:
    """Yields a figure of training losses for each paper and data set, a panel an arm."""
    settings: dict[tuple[str, str], list[Group]] = {}
    for group in board.groups:
        if any(record.curves.get("train/loss") for record in group.records):
            settings.setdefault((group.latest.paper, group.latest.data), []).append(group)
    if not settings:
        yield "<p>No run has a learning curve yet.</p>"
    for (paper, data), groups in sorted(settings.items()):
        caption = f"{paper} on {data}: training loss against batches, one line for each seed"
        yield _figure("\n".join(map(_panel, groups)), caption)


def _panel(group: Group) -> str:
    """Returns the losses of ``group`` as SVG; the ends of both axes are written beside them.

    Matplotlib would take a thousand times as long, and the panels are hundreds.
    """
    curves = [record.curves.get("train/loss", []) for record in group.records]
    batches, losses = zip(*(point for curve in curves for point in curve), strict=True)
    (left, right), (low, high) = (min(batches), max(batches)), (min(losses), max(losses))
    bottom, end = HEIGHT - MARGIN, WIDTH - MARGIN
    across, up = (end - MARGIN) / (right - left or 1), (bottom - MARGIN) / (high - low or 1)
    lines = ""
    for curve, colour in zip(curves, cycle(COLOURS), strict=False):
        places = " ".join(
            f"{MARGIN + (x - left) * across:.1f},{bottom - (y - low) * up:.1f}" for x, y in curve
        )
        lines += f'<polyline points="{places}" stroke="{colour}"/>'
    record = group.latest
    name = escape(record.reference.removeprefix(f"{record.paper}/"))
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}">'
        f'<g fill="none"><path d="M{MARGIN},{MARGIN}V{bottom}H{end}" stroke="#888"/>{lines}</g>'
        f'<text x="{MARGIN}" y="8">{name}</text><text x="{MARGIN + 2}" y="20">{high:.4g}</text>'
        f'<text x="{MARGIN + 2}" y="{bottom - 2}">{low:.4g}</text>'
        f'<text x="{MARGIN}" y="{HEIGHT - 8}">{left:,.0f}</text>'
        f'<text x="{end}" y="{HEIGHT - 8}" text-anchor="end">{right:,.0f}</text></svg>'
    )


def _images(board: Board, runs: Path) -> Iterator[str]:
    """Yields what the latest run of each method drew, where its folder is still there."""
    found = False
    for group in board.groups:
        record = group.latest
        if record.arm != "method":
            continue
        below = f"{record.paper}/*/{record.run_id}/plots/*.png"
        # A job of SLURM has its run one folder deeper: slurm-JOB/PAPER/RECIPE/RUN.
        for path in sorted([*runs.glob(below), *runs.glob(f"*/{below}")]):
            found = True
            caption = f"{record.reference}, seed {record.seed}: {path.stem.replace('_', ' ')}"
            data = base64.b64encode(path.read_bytes()).decode()
            image = f'<img src="data:image/png;base64,{data}" alt="{escape(caption)}">'
            yield _figure(image, caption)
    if not found:
        yield f"<p>{escape(str(runs))} holds no run of the rows above.</p>"


def _figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"
