from pathlib import Path

import pytest
import torch

from common.parity import Case, compare
from papers.meow.reference import CASES

FOLDER = Path(__file__).parent / "meow"
STORED = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", STORED)
def test_case_within_its_tolerance(name, dtype):
    result = compare(Case(FOLDER / f"{name}.json", dtype), CASES.get(name))
    assert result.ok, result


def test_every_solver_has_a_case():
    assert set(STORED) == set(CASES)
