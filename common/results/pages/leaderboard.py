"""Pages made of the board: LEADERBOARD.md, the screens, RESULTS.md, README's table and image."""

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

from common.errors import LikewiseError
from common.files import write_atomic
from common.results.board import Board, Row, read_board
from common.results.ledger import STANDINGS
from common.results.pages.by_modality import BY_MODALITY, by_modality, where_to_start
from common.results.pages.claims_picture import claims_picture
from common.results.pages.document import (
    Block,
    Heading,
    Paragraph,
    Span,
    Table,
    Verbatim,
    marked,
    to_markdown,
)
from common.results.pages.formatting import short_metric
from common.results.pages.front import SMALL, front_table
from common.results.pages.paper import paper_page
from common.results.record import default_root
from common.results.statistics import MIN_SEEDS

LEADERBOARD = "LEADERBOARD.md"
README = "README.md"
PICTURE = "docs/images/claims.svg"
START = "<!-- leaderboard:start -->"
END = "<!-- leaderboard:end -->"
# A difference is shown with this much of the line before and after its first character.
BEFORE, AFTER = 20, 60
STATUSES = {
    "reproduced": f"there are at least {MIN_SEEDS} seeds on the same data and protocol, the 95 % "
    "interval of (ours - reported) lies within ± the margin, which was chosen before the run, and "
    "the 95 % interval of the paired difference to an untrained encoder excludes 0",
    "agrees, not telling": "the interval lies within the margin, but the difference to an "
    "untrained encoder does not exclude 0",
    "agrees, control not run": "the interval lies within the margin, but no untrained encoder was "
    "measured beside the method",
    "exact": "the authors' published weights, loaded into our module, round to the printed number",
    "above": "the whole interval lies above the margin (published weights: the number is higher)",
    "below": "the whole interval lies below the margin (published weights: the number is lower)",
    "inconclusive": f"there are fewer than {MIN_SEEDS} seeds, or the interval lies on both sides "
    "of the margin's edge",
    "not run": "nobody has run the setting here",
    "scaled": "an arm or a setting to which no reported number applies",
}
VERDICTS = {
    "no difference": f"both arms share at least {MIN_SEEDS} seeds, and the 95 % interval of their "
    "paired difference lies within ± the smallest difference that matters",
    "holds": "otherwise, the interval lies above 0: the arm that the paper says is ahead is ahead",
    "opposite": "otherwise, the interval lies below 0",
    "undecided": "the interval contains 0, or there are fewer seeds",
    "not tested here": "the data or the compute is missing, as the paper's page says",
    "not run": "no seed has a record of both arms",
    "seen before": "a record is older than the claim as it was written down here, and fewer than "
    "three pairs of records are newer, so whoever chose the smallest difference that matters may "
    "have known the outcome",
}
INTRODUCTION = """\
`papers leaderboard` generates this page and the page behind each paper's name. Our numbers come
from the run records in `results/`. Reported numbers, claims and notes come from
`papers/*/reported.yaml` and `papers/*/claims.yaml`. `papers leaderboard --check` fails when a page
does not agree with these files."""
LEGEND = """\
*Where to start* compares arms of all papers that were trained on equally many samples of one data
set and measured alike. *Clearly* means at least three seeds and a 95 % interval of the difference
that excludes 0.

Each comparison has a 95 % interval of its own, which is not corrected for how many there are: of
some hundred claims and three hundred arms a few verdicts are wrong by chance. An interval covers
training seeds on one test set, and not what another test set would give. Arms that share a seed
share the order of the data and, where the networks are equal, the initial weights. Three seeds
cannot show whether differences are normal, as the interval takes for granted.

*Ours* is mean ± sample standard deviation over training seeds; the latest run of each seed counts.
*Compared by* names the setting and the metric of the paper's first claim that has been run here, or
else the setting with most arms. All arms in it were measured alike. *Best rival* is the best of the
baselines that see no more labels than the method does. *No learning* is the best of an untrained
encoder, the inputs themselves and counts. *Median gap* is how far the compared numbers are from the
reported ones, in per cent of these. *Ablation that matters* has the largest paired difference to
the method among those that exclude 0 (95 %); the brackets give the half-width of its interval.
*Start from* names the best of what is ahead of the method by a difference that excludes 0. If
nothing is, it names the method, or what learns nothing where their difference does not exclude 0.

A paper's page has every claim, every reported number and every arm, and what is normal while
training. `papers leaderboard --html DIR` adds all metrics, all diagnostics and the links to runs. A
run's record holds its configuration, versions, hardware and time. The number of seeds that would
tell assumes that mean and spread stay the same and that the reported number gets no more runs. More
seeds alone would not tell where our mean lies on the edge of the margin, or where the reported
number has a wide spread of its own. For
errors (mse, mae, rmse and the like) less is better, so that `above` is worse. A reference marked
*unverified* has not been checked against its source. `docs/reported.md`, `docs/claims.md` and
`results/README.md` describe the files."""


def leaderboard(board: Board, link: Callable[[str], str]) -> Iterator[Block]:
    """Yields what LEADERBOARD.md holds; ``link`` gives where a paper's name leads to."""
    yield Heading(1, "Leaderboard")
    yield Paragraph(marked(INTRODUCTION))
    yield from where_to_start(board, BY_MODALITY)
    yield Heading(2, "Papers")
    yield front_table(board, link)
    yield from how_to_read()


def how_to_read() -> Iterator[Block]:
    """Yields what the words of the tables mean."""
    yield Heading(2, "How to read it")
    for paragraph in LEGEND.split("\n\n"):
        yield Paragraph(marked(paragraph))
    yield Table(("a reported number is", "when"), _meanings(STATUSES))
    yield Table(("a claim", "when"), _meanings(VERDICTS))
    yield Table(("a row or claim that may not hold now", "why"), _meanings(STANDINGS))


def _meanings(words: dict[str, str]) -> list[tuple[tuple[Span, ...], tuple[Span, ...]]]:
    return [((Verbatim(word),), marked(meaning)) for word, meaning in words.items()]


def results_path(paper: str) -> str:
    """Returns where the page of ``paper`` lies, from the root."""
    return f"papers/{paper}/RESULTS.md"


def insert_table(text: str, table: str, source: str) -> str:
    """Returns ``text`` with ``table`` between the markers.

    Raises:
        LikewiseError: If the markers are not there once each, in order.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end or START in after or END in after:
        raise LikewiseError(f"{source}: needs the lines\n{START}\n{END}\nonce each, in this order")
    return f"{before}{START}\n\n{table}\n{END}{after}"


def stale_files(root: Path, board: Board) -> dict[Path, str]:
    """Returns ``{file: what it should say}`` of the generated files that say something else.

    Raises:
        LikewiseError: A README without the markers of its table.
    """
    legend = f"../../{LEADERBOARD}#how-to-read-it"
    texts = {root / LEADERBOARD: to_markdown(leaderboard(board, results_path))}
    for paper in board.papers():
        texts[root / results_path(paper)] = to_markdown(paper_page(board, paper, legend))
    if screens := [*by_modality(board)]:
        texts[root / BY_MODALITY] = to_markdown(screens)
    readme = root / README
    if readme.is_file():
        table = to_markdown([front_table(board, results_path, SMALL)])
        texts[readme] = insert_table(_read(readme), table, str(readme))
        texts[root / PICTURE] = claims_picture(board)
    return {path: text for path, text in texts.items() if _read(path) != text}


def write_pages(root: Path, board: Board) -> list[Path]:
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
    root = root or default_root()
    board = read_board(root)
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


def unexplained(rows: Iterable[Row]) -> list[str]:
    """Returns the settings whose metrics miss without a word on what was checked."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.misses and row.metric not in row.entry.checks:
            name = f"{row.entry.reference} ({row.entry.arm}), {row.entry.origin}"
            found.setdefault(name, []).append(f"{short_metric(row.metric)} {row.verdict.status}")
    return [f"{name}: {', '.join(metrics)}" for name, metrics in found.items()]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
