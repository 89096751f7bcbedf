"""Writes and checks the pages made of the records: LEADERBOARD.md, RESULTS.md and their images."""

from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

from common.config.checkout import SOURCE_ROOT
from common.config.files import write_atomic
from common.errors import LikewiseError
from common.results.leaderboard import Leaderboard, ReportedRow, read_leaderboard
from common.results.pages.by_modality import BY_MODALITY, by_modality
from common.results.pages.document import to_markdown
from common.results.pages.forest import claims_forest, headline_forest
from common.results.pages.formatting import short_metric
from common.results.pages.leaderboard import leaderboard_page
from common.results.pages.paper import FOREST, paper_page

LEADERBOARD = "LEADERBOARD.md"
IMAGE = "docs/images/headlines.svg"
# A difference is shown with this much of the line before and after its first character.
BEFORE, AFTER = 20, 60


def results_path(paper: str) -> str:
    """Returns where the page of ``paper`` lies, from the root."""
    return f"papers/{paper}/RESULTS.md"


def stale_files(root: Path, board: Leaderboard) -> dict[Path, str]:
    """Returns ``{file: what it should say}`` of the generated files that say something else."""
    legend = f"../../{LEADERBOARD}#how-to-read-it"
    texts = {root / LEADERBOARD: to_markdown(leaderboard_page(board, results_path))}
    for paper in board.papers():
        texts[root / results_path(paper)] = to_markdown(paper_page(board, paper, legend))
        if image := claims_forest(board, paper):
            texts[root / f"papers/{paper}/{FOREST}"] = image
    if screens := [*by_modality(board)]:
        texts[root / BY_MODALITY] = to_markdown(screens)
    texts[root / IMAGE] = headline_forest(board)
    return {path: text for path, text in texts.items() if _read(path) != text}


def write_pages(root: Path, board: Leaderboard) -> list[Path]:
    """Writes the generated files; returns those that changed."""
    changed = stale_files(root, board)
    for path, text in changed.items():
        write_atomic(path, text)
    return list(changed)


def check_pages(root: Path | None = None) -> None:
    """Raises `LikewiseError` unless all files are fresh and every miss is accounted for.

    It names each stale file with its first difference, or the settings that miss a reported number
    and for which ``reported.yaml`` does not say what was checked.
    """
    root = root or SOURCE_ROOT
    board = read_leaderboard(root)
    if stale := stale_files(root, board):
        found = [
            f"{path.relative_to(root).as_posix()}, {first_difference(_read(path), text)}"
            for path, text in stale.items()
        ]
        raise LikewiseError(
            "papers leaderboard writes other pages than are here; run it and commit:\n  "
            + "\n  ".join(found)
        )
    if missing := unexplained(board.rows):
        raise LikewiseError(
            "papers/PAPER/reported.yaml: `checks` must say what was checked of each number that "
            "is missed:\n  " + "\n  ".join(missing)
        )


def first_difference(old: str, new: str) -> str:
    """Returns where ``old`` first differs from ``new``: the line, and what either says there."""
    pairs = zip_longest(old.split("\n"), new.split("\n"), fillvalue="(end of file)")
    line, (was, wanted) = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    equal = (a == b for a, b in zip(f"{was}\n", f"{wanted}\n", strict=False))
    start = list(equal).index(False)
    return f"line {line}: is {_cut(was, start)}, should be {_cut(wanted, start)}"


def _cut(line: str, place: int) -> str:
    """Returns the part of ``line`` around ``place`` in quotes, with dots where it was cut."""
    start, end = max(place - BEFORE, 0), place + AFTER
    return f"'{'...' * (start > 0)}{line[start:end]}{'...' * (end < len(line))}'"


def unexplained(rows: Iterable[ReportedRow]) -> list[str]:
    """Returns the settings whose metrics miss without a word on what was checked."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.misses and row.metric not in row.entry.checks:
            name = f"{row.entry.reference} ({row.entry.arm}), {row.entry.origin}"
            found.setdefault(name, []).append(f"{short_metric(row.metric)} {row.verdict.status}")
    return [f"{name}: {', '.join(metrics)}" for name, metrics in found.items()]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
