"""No change moves a number of `quick` unseen: each paper's stored steps are taken again."""

import pytest

from common.config.checkout import SOURCE_ROOT
from common.config.recipe import load_recipe
from common.paper import paper_names
from common.results.ledger import read_ledger
from common.results.record import load_records
from common.steps.check import plan, run_job

RESULTS = SOURCE_ROOT / "results"
# A new paper has no steps yet.
PAPERS = [paper for paper in paper_names() if any((RESULTS / paper).glob("quick-*.json"))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("paper", PAPERS)
def test_the_stored_steps_of_quick_are_those_of_this_code(paper: str) -> None:
    records, ledger = load_records(RESULTS, paper), read_ledger(paper, SOURCE_ROOT)
    every, names = plan(records, ledger, SOURCE_ROOT, store=False)
    quick = names.get(load_recipe(f"{paper}/quick").hash(), [])
    jobs = [job for job in every if job.name in quick]
    assert len(jobs) > 1, "a file of training steps, and one of measures"
    found = {job.name: run_job(job, SOURCE_ROOT, store=False).differ for job in jobs}
    assert {name: differ for name, differ in found.items() if differ} == {}
