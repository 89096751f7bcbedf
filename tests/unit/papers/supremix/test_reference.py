"""Reference cases of other kinds than the stored one: what a case may hold besides."""

from pathlib import Path

import numpy as np

from common.results.parity import Case, compare_case
from papers.supremix.reference import solve_loss

STORED = Path(__file__).parents[3] / "reference" / "supremix" / "supremix_loss.json"


def test_labels_may_be_stored_as_whole_numbers():
    case = Case(STORED)
    whole = case.arrays["labels"].astype(np.int64)
    assert np.array_equal(whole, case.arrays["labels"])
    case.arrays["labels"] = whole
    assert compare_case(case, solve_loss).ok
