"""What a paper's page opens with: the idea, the claims, its arms, a run's plots, and curves."""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from common.plots.curves import compared_curves
from common.plots.style import COLOURS, GREY, new_figure
from common.results.comparison import Arms, side_by_side
from common.results.curves import DIAGNOSTICS
from common.results.leaderboard import Leaderboard, read_leaderboard
from common.results.pages.formatting import seeds_text, short_metric
from common.results.pages.leaderboard import row_of
from common.results.record import read_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTHING = "no learning"
COLOUR_OF = {
    "method": COLOURS[0],
    "ablation": COLOURS[5],
    "baseline": COLOURS[1],
    NOTHING: GREY,
}
# What a README shows below its words, and the page before them.
PICTURES = re.compile(
    r"^(?:```mermaid\n.*?^```|!\[[^\]]*\]\([^)]*\))\n\n?", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Image:
    """An image of a paper's page, and where the site has it."""

    page: str
    name: str
    caption: str
    content: bytes

    @property
    def uri(self) -> str:
        """The image's path on the site, beside its page."""
        return f"{self.page.removesuffix('README.md')}gallery/{self.name}"

    @property
    def markdown(self) -> str:
        """The image with its caption below."""
        caption = f"<figcaption markdown>{self.caption}</figcaption>"
        image = f"![{self.caption}](gallery/{self.name})"
        return f"<figure markdown>\n{image}\n{caption}\n</figure>"


leaderboard = cache(read_leaderboard)


@cache
def gallery(root: Path) -> tuple[Image, ...]:
    """Returns the images of all papers with a record, drawn from the records in ``results/``.

    The plots of the newest finished run of a paper's `quick` in ``runs/`` are among them.
    """
    board = leaderboard(root)
    return tuple(image for paper in board.papers() for image in _images(root, board, paper))


def pictures_first(markdown: str, images: Sequence[Image]) -> str:
    """Returns a paper's README with its drawing, its claims and ``images`` before its words."""
    before, heading, words = markdown.partition("\n## ")
    shown = "".join(found[0].rstrip() + "\n\n" for found in PICTURES.finditer(words))
    figures = "\n".join(image.markdown for image in images)
    gallery = f'<div class="gallery" markdown>\n{figures}\n</div>\n' if images else ""
    return f"{before}\n{shown}{gallery}{heading}{PICTURES.sub('', words)}"


def _images(root: Path, board: Leaderboard, paper: str) -> Iterator[Image]:
    page = f"papers/{paper}/README.md"
    finished = sorted(root.glob(f"runs/{paper}/quick/*/result.json"))
    if finished:
        record = read_record(finished[-1])
        for path in sorted(finished[-1].parent.glob("plots/*.png")):
            drawn = path.stem.replace("_", " ")
            caption = f"One run of `{record.reference}`, seed {record.seed}: {drawn}."
            yield Image(page, path.name, caption, path.read_bytes())
    if row := row_of(board, paper):
        section, seeds = row.section, seeds_text(row.ours.n)
        setting = f"`{section.setting}` on {row.method.latest.data}"
        assert section.metric  # a row has one
        (arms,) = side_by_side([one for group in section.groups for one in group.records])
        caption = f"{setting}: mean and deviation over runs; the method has {seeds}."
        yield Image(page, "arms.svg", caption, to_svg(draw_arms(arms, section.metric)))
        if curves := compared_curves(side_by_side(row.method.records)):
            yield Image(page, "curves.svg", f"{setting}: the training.", to_svg(curves))
        if curves := compared_curves([arms], (DIAGNOSTICS,), "What was watched"):
            caption = f"{setting}: what shows a collapse while the arms train."
            yield Image(page, "diagnostics.svg", caption, to_svg(curves))


def draw_arms(arms: Arms, metric: str) -> "Figure":
    """Draws mean and deviation of ``metric``, a line for each arm, the best one on top."""
    lower = arms.lower[metric]
    setting = f"{arms.to.latest.paper}/{arms.to.latest.recipe}:"
    known = [(line.name, line.sample) for line in arms.lines(metric) if line.sample]
    known.sort(key=lambda one: one[1].mean, reverse=bool(lower))
    kinds = {
        name: group.latest.arm.partition("/")[0]
        for name, group in zip(arms.names, arms.groups, strict=True)
    }
    better = f"{'less' if lower else 'more'} is better"
    figure, axes = new_figure(7, 0.9 + 0.26 * len(known), f"{short_metric(metric)}: {better}")
    for kind, colour in COLOUR_OF.items():
        rows = [row for row, one in enumerate(known) if kinds.get(one[0], NOTHING) == kind]
        means = [known[row][1].mean for row in rows]
        spreads = [known[row][1].spread or 0.0 for row in rows]
        if rows:
            axes.errorbar(means, rows, xerr=spreads, fmt="o", color=colour, capsize=3, label=kind)
    names = [name.removeprefix(setting) for name, _ in known]
    axes.set_yticks(range(len(known)), names, fontsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=7, loc="best")
    return figure


def to_svg(figure: "Figure") -> bytes:
    """Returns the figure as an SVG file's content; letters stay text, and no time is in it."""
    from matplotlib import rc_context

    content = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "likewise"}):
        figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()
