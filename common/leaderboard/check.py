"""Writes the generated tables and tells when a file differs from what they should say."""

from itertools import zip_longest
from pathlib import Path

from common.errors import LikewiseError
from common.files import write_atomic
from common.leaderboard.board import Board, read_board
from common.leaderboard.compared import unexplained
from common.leaderboard.normal import render_normal
from common.leaderboard.readme import insert_small, render_small
from common.leaderboard.record import default_root
from common.leaderboard.render import render_board

LEADERBOARD = "LEADERBOARD.md"
NORMAL = "docs/normal.md"
README = "README.md"


def generated(board: Board, root: Path) -> dict[Path, str]:
    """Returns the files the board owns a part of, with their whole text.

    Raises:
        LikewiseError: A README without the markers of the small leaderboard.
    """
    files = {root / LEADERBOARD: render_board(board), root / NORMAL: render_normal(board)}
    readme = root / README
    if readme.is_file():
        text = readme.read_text(encoding="utf-8")
        files[readme] = insert_small(text, render_small(board), str(readme))
    return files


def write_leaderboard(root: Path, board: Board) -> list[Path]:
    """Writes LEADERBOARD.md, docs/normal.md and README.md's small table; returns what changed."""
    changed = stale_files(root, board)
    for path, text in changed.items():
        write_atomic(path, text)
    return list(changed)


def stale_files(root: Path, board: Board) -> dict[Path, str]:
    """Returns ``{file: what it should say}`` of the files that say something else."""
    texts = generated(board, root)
    return {path: text for path, text in texts.items() if _read(path) != text}


def check_leaderboard(root: Path | None = None) -> None:
    """Raises `LikewiseError` unless all files are fresh and every miss is accounted for.

    It names the first line that differs, or the settings that miss a reported number and for which
    ``reported.yaml`` does not say what was checked.
    """
    root = root or default_root()
    board = read_board(root)
    for path, text in stale_files(root, board).items():
        old, new = _read(path).splitlines(), text.splitlines()
        pairs = enumerate(zip_longest(old, new, fillvalue="(end of file)"), 1)
        line, (found, wanted) = next((n, p) for n, p in pairs if p[0] != p[1])
        raise LikewiseError(
            f"{path.name} is stale: line {line} is\n  {found}\nand should be\n  {wanted}\n"
            "run `papers leaderboard` and commit the result"
        )
    if missing := unexplained(board.rows):
        raise LikewiseError(
            "above, below or off a reported number by more than its margin, and its entry in "
            "papers/*/reported.yaml has no `checks:` of this metric that says what was checked:\n  "
            + "\n  ".join(missing)
        )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
