"""Each paper's functions on the reference values stored beside this file."""

from importlib import import_module
from pathlib import Path

import pytest

from common.results.parity import run_cases

HERE = Path(__file__).parent
PAPERS = sorted(folder.name for folder in HERE.iterdir() if any(folder.glob("*.json")))


@pytest.mark.parametrize("paper", PAPERS)
def test_every_case_is_reproduced_in_both_precisions(paper):
    cases = import_module(f"papers.{paper}.reference").CASES
    assert set(cases) == {path.stem for path in (HERE / paper).glob("*.json")}
    assert [row for row in run_cases(HERE / paper, cases) if not row.ok] == []
