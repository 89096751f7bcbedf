"""The leaderboard as a folder for a browser: a first page, and what it loads when it is asked."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from common.errors import LikewiseError, UsageError
from common.results.board import Board
from common.results.pages.all_arms import (
    ARMS,
    IMAGES,
    arm_file,
    arms_of_paper,
    arms_table,
    find_images,
)
from common.results.pages.arms import arms_side_by_side
from common.results.pages.by_modality import by_modality, where_to_start
from common.results.pages.document import Block, Heading, Link, Paragraph, anchor, marked, plain
from common.results.pages.front import front_table
from common.results.pages.html import text_to_html, to_html, whole_page
from common.results.pages.leaderboard import how_to_read
from common.results.pages.paper import page_title, paper_page
from common.results.record import record_to_json

PAGE = "index.html"
RECORDS = "results"
PAPERS = "papers"
ASSETS = ("page.css", "page.js")
HEAD = "<title>Leaderboard</title>"
PARTS = {PAGE, RECORDS, PAPERS, ARMS, IMAGES, *ASSETS}
ALL_ARMS = """\
Each line is an arm of a paper, or what learns nothing there. A click on the name of a column sorts,
a click on a line shows its runs, learning curves and images. Lines on other data, by other metrics
or of other lengths cannot be compared. *Minus method* is the paired difference to the first method
of the same recipe, with the half-width of its 95 % interval."""


def write_page(board: Board, folder: Path, runs: Path) -> Path:
    """Writes ``folder/index.html`` and what it leads to; returns the page.

    Nothing comes from elsewhere, and all works from a disk. All is written to a folder beside
    ``folder`` first, which then takes its place, so that a page is never half there.

    Args:
        board: What to show.
        folder: Made, or replaced where it holds such a page.
        runs: Where run folders are; those still there give their images.

    Raises:
        LikewiseError: The disk is full or the folder not writable; ``folder`` is as it was.
        UsageError: ``folder`` holds something else.
    """
    check_folder(folder)
    target = folder.resolve()  # a link stays one
    mark = f"{os.getpid()}-{secrets.token_hex(4)}.tmp"
    new, old = (target.with_name(f".{target.name}.{kind}-{mark}") for kind in ("new", "old"))
    try:
        for name, content in render_files(board, runs):
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LikewiseError(f"{folder}: could not be written ({reason})") from error
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
    others = [name for name in names if name not in PARTS]
    if others or not ours:
        raise UsageError(
            f"{folder}: holds {(others or names)[0]}, which is no part of such a page; "
            "choose another folder"
        )


def render_files(board: Board, runs: Path) -> Iterator[tuple[str, str | bytes]]:
    """Yields the name and the content of each file, the first page last."""
    for name in ASSETS:
        yield name, Path(__file__).with_name(name).read_bytes()
    for paper in board.papers():
        images: dict[str, list[str]] = {}
        for group in arms_of_paper(board, paper):
            for record in group.records:
                yield f"{RECORDS}/{paper}/{record.filename}", record_to_json(record)
            run = group.latest.run_id
            for path in find_images(group.latest, runs):
                name = f"{IMAGES}/{paper}/{run}/{path.name}"
                images.setdefault(run, []).append(name)
                yield name, path.read_bytes()
        yield f"{ARMS}/{paper}.js", arm_file(board, paper, images)
        yield f"{PAPERS}/{paper}.html", _paper(board, paper)
    yield PAGE, _first_page(board)


def _first_page(board: Board) -> str:
    def link(paper: str) -> str:
        return f"{PAPERS}/{paper}.html"

    before: list[Block] = [Heading(1, "Leaderboard"), *where_to_start(board, "")]
    before += [Heading(2, "Papers"), front_table(board, link), *by_modality(board, 2)]
    before += [Heading(2, "All arms"), Paragraph(marked(ALL_ARMS))]
    after = [*how_to_read()]
    menu = [
        (Link(plain(block.text), f"#{anchor(block.text)}"),)
        for block in (*before, *after)
        if isinstance(block, Heading) and block.level == 2
    ]
    links = "".join(map(text_to_html, menu))
    parts = [f"<nav>{links}</nav>", to_html(before), arms_table(board), to_html(after)]
    return whole_page("Leaderboard", parts)


def _paper(board: Board, paper: str) -> str:
    back = Paragraph((Link("Leaderboard", PAGE),))
    blocks = [back, *paper_page(board, paper, f"{PAGE}#how-to-read-it", whole=True)]
    blocks += [Heading(2, f"Every metric of {paper}"), *arms_side_by_side(board, paper)]
    return whole_page(page_title(board, paper), [to_html(blocks)], base="../")
