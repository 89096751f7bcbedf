"""`papers parity`: a line a case, and a non-zero exit on a miss."""

from pathlib import Path

from rich.console import Console

from common.checkout import SOURCE_ROOT
from common.errors import LikewiseError, UsageError
from common.paper import get_paper, paper_names
from common.parity import ABSOLUTE_FLOOR, Comparison, run_cases

STORED = SOURCE_ROOT / "tests" / "reference"


def report_parity(paper: str | None, cases: Path | None, console: Console) -> None:
    """Prints the comparison of every case; ``cases`` may hold the cases or one folder a paper.

    Raises:
        LikewiseError: If any case misses; exit code 1.
        UsageError: If there is no folder of cases for ``paper``.
    """
    names = [get_paper(paper).name] if paper else paper_names()
    root = cases or STORED
    rows: list[tuple[str, Comparison]] = []
    for name in names:
        folder = root / name if (root / name).is_dir() else root
        if not folder.is_dir() or (folder == root and (not paper or not any(root.glob("*.json")))):
            if paper:
                raise UsageError(f"{root}: no reference values of {name}; give --cases DIR")
            continue
        solvers = get_paper(name).part("reference").CASES
        rows += [(name, row) for row in run_cases(folder, solvers)]
    for name, case in sorted({(name, row.case) for name, row in rows if row.is_empty}):
        console.print(f"none  {name}/{case}: nothing to compare", markup=False, highlight=False)
    rows = [(name, row) for name, row in rows if not row.is_empty]
    if not rows:
        raise UsageError(f"{root}: no reference values; give --cases DIR")
    for name, row in rows:
        verdict = "ok  " if row.ok else "MISS"
        console.print(
            f"{verdict}  {name + '/' + row.case:<34} {row.dtype}  error {_text(row.error)}  "
            f"tolerance {row.tolerance:.0e}  {row.array} {row.problem}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    missed = [f"{name}/{row.case} ({row.dtype})" for name, row in rows if not row.ok]
    if missed:
        raise LikewiseError(f"{len(missed)} of {len(rows)} comparisons miss: {', '.join(missed)}")
    console.print(f"all {len(rows)} comparisons within tolerance")


def _text(error: float) -> str:
    return f"{error:.1e}" if error else f"<{ABSOLUTE_FLOOR:.0e}"
