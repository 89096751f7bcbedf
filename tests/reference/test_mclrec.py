from pathlib import Path

import pytest
import torch

from common.parity import Case, compare
from papers.mclrec.reference import CASES

FOLDER = Path(__file__).parent / "mclrec"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_reference_values(path, dtype):
    result = compare(Case(path, dtype), CASES.get(path.stem))
    assert result.ok, result


def test_every_function_has_stored_values():
    assert set(CASES) == {path.stem for path in FOLDER.glob("*.json")}
