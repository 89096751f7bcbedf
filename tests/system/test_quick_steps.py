"""No change moves a number of `quick` unseen: each paper's stored steps are taken again."""

import pytest

from common.config.checkout import SOURCE_ROOT
from common.paper import paper_names
from common.steps.check import check_settings

RESULTS = SOURCE_ROOT / "results"
# A new paper has no steps yet.
PAPERS = [paper for paper in paper_names() if any((RESULTS / paper).glob("quick-*.json"))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("paper", PAPERS)
def test_the_stored_steps_of_quick_are_those_of_this_code(paper: str) -> None:
    found = check_settings(paper)
    assert len(found) > 1, "a file of training steps, and one of measures"
    assert {name: differ for name, differ in found.items() if differ} == {}
