import pytest

from common.results.pages.formatting import by_cutoff, decimals_of, number, status_text
from common.results.verdicts import Verdict


@pytest.mark.parametrize(
    ("value", "margin", "decimals"),
    [
        (0.0581, 0.002, 4),
        (91.3, 1.0, 2),
        (0.0352, 5e-5, 4),
        (0.035249, 1e-6, 6),
        (1.2, None, 4),
        (-83418.7, None, 0),
    ],
)
def test_decimals(value, margin, decimals):
    assert decimals_of(value, margin) == decimals


def test_numbers():
    assert number(-0.00001, 2, sign=True) == "0.00"
    assert number(0.126, 2, sign=True) == "+0.13"
    assert number(None, 2) == "-"


def test_metrics_are_ordered_by_their_cutoffs():
    found = sorted(["test/hr@10", "val/x", "test/hr@5", "test/f1_20"], key=by_cutoff)
    assert found == ["test/f1_20", "test/hr@5", "test/hr@10", "val/x"]


def test_of_many_seeds_that_would_tell_no_number_is_given():
    assert status_text(Verdict("undecided", 1.0, 2.0, 30), None).endswith(": 30 seeds would tell")
    text = status_text(Verdict("undecided", 1.0, 2.0, 535), None)
    assert text == "undecided: more than 30 seeds would tell"
