"""The pages for a browser: the front, a page a paper, and a table of all arms with their curves."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from common.errors import LikewiseError, UsageError
from common.paper import Paper, get_paper
from common.results.groups import Group
from common.results.leaderboard import Leaderboard
from common.results.pages.arms import arms_side_by_side
from common.results.pages.by_modality import by_modality, where_to_start
from common.results.pages.document import (
    Block,
    Emphasis,
    Heading,
    Link,
    Paragraph,
    Text,
    Verbatim,
    anchor,
    joined,
    marked,
    plain_words,
    table_to_html,
    text_to_html,
    to_html,
    whole_page,
)
from common.results.pages.formatting import (
    decimals_of,
    difference_text,
    ends_text,
    sample_text,
    short_metric,
)
from common.results.pages.leaderboard import how_to_read, papers_table
from common.results.pages.paper import page_title, paper_page
from common.results.pages.sections import Section, arm_order, sections_of
from common.results.record import Record, record_to_json
from common.results.screens import uses_labels

HEADER = (
    *("setting", "mean", "metric", "data", "minus method", "seeds"),
    *("samples seen", "labels", "arm", "remark"),
)
FILTERS = ("paper", "modality", "data", "arm", "labels")
ARMS = "arms"
IMAGES = "images"
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
of the same recipe with which the arm shares seeds, with the half-width of its 95 % interval."""


def write_page(board: Leaderboard, folder: Path, runs: Path) -> Path:
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
    check_page_folder(folder)
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


def check_page_folder(folder: Path) -> None:
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


def render_files(board: Leaderboard, runs: Path) -> Iterator[tuple[str, str | bytes]]:
    """Yields the name and the content of each file, the first page last."""
    for name in ASSETS:
        yield name, Path(__file__).with_name(name).read_bytes()
    for paper in board.papers():
        images: dict[str, list[str]] = {}
        for group in arms_of_paper(board, paper):
            for record in group.records:
                yield f"{RECORDS}/{paper}/{record.filename}", record_to_json(record)
            run = group.latest.run_id
            for path in images_of_run(group.latest, runs):
                name = f"{IMAGES}/{paper}/{run}/{path.name}"
                images.setdefault(run, []).append(name)
                yield name, path.read_bytes()
        yield f"{ARMS}/{paper}.js", arm_file(board, paper, images)
        yield f"{PAPERS}/{paper}.html", _paper(board, paper)
    yield PAGE, _first_page(board)


def _first_page(board: Leaderboard) -> str:
    def link(paper: str) -> str:
        return f"{PAPERS}/{paper}.html"

    before: list[Block] = [Heading(1, "Leaderboard"), *where_to_start(board, "")]
    before += [Heading(2, "Papers"), papers_table(board, link), *by_modality(board, 2)]
    before += [Heading(2, "All arms"), Paragraph(marked(ALL_ARMS))]
    after = [*how_to_read()]
    menu = [
        (Link(plain_words(block.text), f"#{anchor(block.text)}"),)
        for block in (*before, *after)
        if isinstance(block, Heading) and block.level == 2
    ]
    links = "".join(map(text_to_html, menu))
    parts = [f"<nav>{links}</nav>", to_html(before), arms_table(board), to_html(after)]
    return whole_page("Leaderboard", parts)


def _paper(board: Leaderboard, paper: str) -> str:
    back = Paragraph((Link("Leaderboard", PAGE),))
    blocks = [back, *paper_page(board, paper, f"{PAGE}#how-to-read-it", whole=True)]
    blocks += [Heading(2, f"Every metric of {paper}"), *arms_side_by_side(board, paper)]
    return whole_page(page_title(board, paper), [to_html(blocks)], base="../")


def arms_of_paper(board: Leaderboard, paper: str) -> list[Group]:
    """Returns the arms of ``paper`` in the order in which the table and the curves have them."""
    return sorted((one for one in board.groups if one.latest.paper == paper), key=arm_order)


def arms_table(board: Leaderboard) -> str:
    """Returns the table of all arms and of what learns nothing, below what it is filtered by.

    A row's ``data-curves`` names its place in the file of `arm_file`.
    """
    rows: list[str] = []
    for paper in board.papers():
        rows += _rows_of_paper(board, paper)
    selects = "".join(
        f'<label>{name} <select name="{name}"><option value="">all</option></select></label>'
        for name in FILTERS
    )
    search = '<label>search <input type="search" name="q"></label>'
    form = f'<form id="filter" hidden>{search}{selects}<output></output></form>'
    return f"{form}\n{table_to_html(HEADER, rows, 'arms')}"


def _rows_of_paper(board: Leaderboard, paper: str) -> Iterator[str]:
    sections = sections_of(board, paper)
    section_of = {id(group): section for section in sections for group in section.groups}
    try:
        declared = get_paper(paper)
    except UsageError:  # records may come from elsewhere
        declared = None
    for place, group in enumerate(arms_of_paper(board, paper)):
        yield _row(board, declared, group, section_of.get(id(group)), place)
    for section in sections:
        yield from _reference_rows(section, declared)


def _row(
    board: Leaderboard, declared: Paper | None, group: Group, section: Section | None, place: int
) -> str:
    record = group.latest
    sample = section.sample(group) if section else None
    difference = section.any_difference(group) if section else None
    remarks = (
        group.stale,
        "published weights" if record.weights == "published" else None,
        group.scaled_remark,
    )
    labels = "-" if declared is None else "yes" if uses_labels(board, declared, record) else "no"
    cells: tuple[Text, ...] = (
        (Verbatim(f"{record.paper}/{board.name_of(record)}"),),
        sample_text(sample),
        short_metric(section.metric or "-") if section else "-",
        record.data,
        difference_text(difference, decimals_of(sample.mean) if sample else None),
        str(len(group.records)),
        ends_text((one.batches * one.global_batch for one in group.records), ","),
        labels,
        record.arm,
        "; ".join(remark for remark in remarks if remark),
    )
    kind = record.arm.partition("/")[0]
    return _filtered(record, _modality(declared, record), kind, labels, cells, place)


def _reference_rows(section: Section, declared: Paper | None) -> Iterator[str]:
    record = section.groups[0].latest
    for name, (sample, difference) in section.references().items():
        cells: tuple[Text, ...] = (
            joined((Verbatim(section.setting), " ", Emphasis(name))),
            sample_text(sample),
            short_metric(section.metric or "-"),
            record.data,
            difference_text(difference, decimals_of(sample.mean)),
            *(str(sample.n), "-", "-", "reference", ""),
        )
        yield _filtered(record, _modality(declared, record), "reference", "-", cells)


def _filtered(
    record: Record,
    modality: str,
    arm: str,
    labels: str,
    cells: tuple[Text, ...],
    place: int | None = None,
) -> str:
    """Returns a row with the values that it is filtered by, in the order of `FILTERS`."""
    values = (record.paper, modality, record.data, arm, labels)
    marks = "".join(
        f' data-{name}="{escape(value)}"' for name, value in zip(FILTERS, values, strict=True)
    )
    if place is not None:
        marks += f' data-curves="{place}"'
    return f"<tr{marks}>{''.join(f'<td>{text_to_html(cell)}</td>' for cell in cells)}</tr>"


def _modality(declared: Paper | None, record: Record) -> str:
    found = declared.data_sets.find(record.data) if declared else None
    return found.modality if found else "-"


def arm_file(board: Leaderboard, paper: str, images: dict[str, list[str]]) -> str:
    """Returns the script with what the table's rows of ``paper`` show when they are opened.

    A page from a disk may load scripts, but no other data.

    Args:
        board: What to show.
        paper: Its name.
        images: The addresses of each run's images, by its id.
    """
    arms = [_opened(group, images) for group in arms_of_paper(board, paper)]
    text = json.dumps([paper, arms], separators=(",", ":"))
    return f"addArms(...{text});\n"


def _opened(group: Group, images: dict[str, list[str]]) -> dict[str, Any]:
    keys = sorted({key for record in group.records for key in record.curves})
    return {
        "runs": [_run(record) for record in group.records],
        "curves": {key: [record.curves.get(key, []) for record in group.records] for key in keys},
        "images": images.get(group.latest.run_id, []),
    }


def _run(record: Record) -> dict[str, Any]:
    return {
        "seed": record.seed,
        "record": f"results/{record.paper}/{record.filename}",
        "facts": f"{record.epochs} epochs, {record.batches:,} x {record.global_batch:,}, "
        f"{record.wall_s / 60:.1f} minutes, commit {(record.commit or 'unknown')[:7]}",
    }


def images_of_run(record: Record, runs: Path) -> list[Path]:
    """Returns what the run drew, where its folder is still below ``runs``."""
    below = f"{record.paper}/*/{record.run_id}/plots/*.png"
    # A job of SLURM has its run one folder deeper: slurm-JOB/PAPER/RECIPE/RUN.
    return sorted([*runs.glob(below), *runs.glob(f"*/{below}")])
