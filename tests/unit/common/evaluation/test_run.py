import pytest
import torch
from threadpoolctl import threadpool_info

from common.evaluation import run
from common.evaluation.config import EvaluationConfig


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_a_protocol_computes_on_as_many_threads_as_torch(threads, monkeypatch):
    def largest_and_smallest(inputs, settings, seed):
        found = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        return {"most": max(found), "least": min(found)}

    monkeypatch.setattr(run.EVALUATORS, "get", lambda _: largest_and_smallest)
    found = run.run_protocols(["pools"], object(), EvaluationConfig(), 0, "test/")
    assert found == {"test/most": threads, "test/least": threads}
