"""Our functions on the reference values stored beside this file, of papers and other parts."""

from pathlib import Path

import pytest

from common.results.parity import run_cases, solvers_of

HERE = Path(__file__).parent
NAMES = sorted(folder.name for folder in HERE.iterdir() if any(folder.glob("*.json")))


@pytest.mark.parametrize("name", NAMES)
def test_every_case_is_reproduced_in_both_precisions(name):
    cases = solvers_of(name)
    assert set(cases) == {path.stem for path in (HERE / name).glob("*.json")}
    assert [row for row in run_cases(HERE / name, cases) if not row.ok] == []
