"""Each method on two gloo processes equals one process with the whole batch (float64).

Compared to 1e-9: losses, gradients, and parameters and buffers after three steps or more.
"""

import pytest

from common.paper import get_paper, paper_names
from tests.gloo import assert_equal_to_one_process
from tests.system import builders, builders_of_texts

BUILDERS = builders.BUILDERS | builders_of_texts.BUILDERS
CHECKS = builders.CHECKS | builders_of_texts.CHECKS


def test_each_paper_that_allows_several_processes_has_a_builder() -> None:
    several = {paper for paper in paper_names() if get_paper(paper).ddp_strategy is not None}
    assert several <= set(BUILDERS), "write one in builders.py, or declare a ddp_refusal"


@pytest.mark.distributed
@pytest.mark.parametrize("name", BUILDERS)
def test_two_processes_equal_one(name: str) -> None:
    found = assert_equal_to_one_process(BUILDERS[name])
    assert all(found), "each case found something"
    CHECKS.get(name, lambda found: None)(found)
