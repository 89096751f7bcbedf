import pytest

from common.data.contract import RunData
from common.evaluation.config import EvaluationConfig
from common.paper import get_paper, paper_names


@pytest.mark.parametrize("name", paper_names())
def test_every_data_module_offers_what_a_run_asks_of_its_data(name):
    kind = get_paper(name).data_module()
    assert issubclass(kind, RunData) and not kind.__abstractmethods__


class Nothing(RunData):
    facts = None

    def load(self):
        """Reads nothing."""

    def describe(self):
        return "nothing"

    def evaluation_inputs(self, module, split):
        return None

    def references(self, split):
        return {}


def test_data_that_lack_a_part_are_refused_by_its_name():
    with pytest.raises(TypeError, match="embed_path"):
        Nothing(0, 2)


def test_what_data_need_not_offer_asks_and_says_nothing():
    class Small(Nothing):
        def embed_path(self, module, path):
            return {}

    data = Small(0, 2)
    data.check_training()
    data.check_split("val")
    data.check_evaluation(EvaluationConfig())
    assert (list(data.warnings), data.reference_names, data.fingerprint) == ([], (), "")
