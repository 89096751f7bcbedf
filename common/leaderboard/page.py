"""The leaderboard as one HTML page: the same rows, learning curves and the pictures of runs."""

import base64
import html
import io
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from common.files import write_atomic
from common.leaderboard.board import Board, Group
from common.leaderboard.html import to_html
from common.leaderboard.normal import render_normal
from common.leaderboard.render import render_board
from common.plots.style import COLOURS

PAGE = "index.html"
COLUMNS = 4
PANEL = (2.6, 1.9)
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
"""


def write_page(board: Board, folder: Path, root: Path, runs: Path) -> Path:
    """Writes ``folder/index.html`` and a copy of the records that its rows link to.

    The page needs nothing else: style, curves and pictures are in it.

    Args:
        board: What to show.
        folder: Made if it is not there.
        root: Holds ``results/``.
        runs: Where run folders are; those still there give their pictures.
    """
    for group in board.groups:
        for record in group.records:
            name = Path("results", record.paper, record.filename)
            write_atomic(folder / name, (root / name).read_bytes())
    write_atomic(folder / PAGE, render_page(board, runs))
    return folder / PAGE


def render_page(board: Board, runs: Path) -> str:
    """Returns the whole page as text."""
    parts = [to_html(render_board(board)), to_html(render_normal(board))]
    parts += ["<h2>Learning curves</h2>", *_curves(board)]
    parts += ["<h2>Pictures of the runs on this machine</h2>", *_pictures(board, runs)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Leaderboard</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _curves(board: Board) -> Iterator[str]:
    """Yields a figure of training losses for each paper and data set, a panel an arm."""
    settings: dict[tuple[str, str], list[Group]] = {}
    for group in board.groups:
        if any("train/loss" in record.curves for record in group.records):
            settings.setdefault((group.latest.paper, group.latest.data), []).append(group)
    if not settings:
        yield "<p>No run has a learning curve yet.</p>"
    for (paper, data), groups in sorted(settings.items()):
        caption = f"{paper} on {data}: training loss against batches, a line a seed"
        yield _figure("image/svg+xml", _draw(groups), caption)


def _draw(groups: list[Group]) -> bytes:
    """Returns the losses of ``groups`` as SVG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows = -(-len(groups) // COLUMNS)
    columns = min(len(groups), COLUMNS)
    size = (PANEL[0] * columns, PANEL[1] * rows)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, group in zip(panels, groups, strict=False):
        record = group.latest
        axes.set_title(record.reference.removeprefix(f"{record.paper}/"))
        for record, colour in zip(group.records, cycle(COLOURS), strict=False):
            points = record.curves.get("train/loss", [])
            axes.plot([x for x, _ in points], [y for _, y in points], color=colour, linewidth=0.9)
    for axes in panels:
        axes.tick_params(labelsize=6)
        axes.title.set_fontsize(7)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(groups) :]:
        axes.set_visible(False)
    file = io.BytesIO()
    # Without a date and with names that are not drawn, the same records give the same page.
    with rc_context({"svg.hashsalt": "leaderboard"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _pictures(board: Board, runs: Path) -> Iterator[str]:
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
            yield _figure("image/png", path.read_bytes(), caption)
    if not found:
        yield f"<p>None: no run of a row above is in {html.escape(str(runs))}.</p>"


def _figure(kind: str, content: bytes, caption: str) -> str:
    data = base64.b64encode(content).decode()
    text = html.escape(caption)
    return (
        f'<figure><img src="data:{kind};base64,{data}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )
