"""The table of all arms that a browser filters, and the curves that it loads for one of them."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from common.errors import UsageError
from common.paper import Paper, get_paper
from common.results.board import Board
from common.results.groups import Group
from common.results.pages.document import Emphasis, Text, Verbatim, joined
from common.results.pages.formatting import (
    decimals_of,
    difference_text,
    ends_text,
    sample_text,
    short_metric,
)
from common.results.pages.html import table_to_html, text_to_html
from common.results.pages.sections import Section, arm_order, sections_of
from common.results.record import Record
from common.results.screens import uses_labels

HEADER = (
    *("setting", "mean", "metric", "data", "minus method", "seeds"),
    *("samples seen", "labels", "arm", "remark"),
)
FILTERS = ("paper", "modality", "data", "arm", "labels")
ARMS = "arms"
IMAGES = "images"


def arms_of_paper(board: Board, paper: str) -> list[Group]:
    """Returns the arms of ``paper`` in the order in which the table and the curves have them."""
    return sorted((one for one in board.groups if one.latest.paper == paper), key=arm_order)


def arms_table(board: Board) -> str:
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


def _rows_of_paper(board: Board, paper: str) -> Iterator[str]:
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
    board: Board, declared: Paper | None, group: Group, section: Section | None, place: int
) -> str:
    record = group.latest
    sample = section.sample(group) if section else None
    difference = section.difference(group) if section else None
    remarks = (
        group.stale,
        "published weights" if record.weights == "published" else None,
        group.scaled_by_hand,
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
    found = declared.data_sets.sets.get(record.data) if declared else None
    return found.modality if found else "-"


def arm_file(board: Board, paper: str, images: dict[str, list[str]]) -> str:
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


def find_images(record: Record, runs: Path) -> list[Path]:
    """Returns what the run drew, where its folder is still below ``runs``."""
    below = f"{record.paper}/*/{record.run_id}/plots/*.png"
    # A job of SLURM has its run one folder deeper: slurm-JOB/PAPER/RECIPE/RUN.
    return sorted([*runs.glob(below), *runs.glob(f"*/{below}")])
