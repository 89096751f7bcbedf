import pytest
import torch
from threadpoolctl import threadpool_info

from common.evaluation.config import ProtocolConfig, with_protocols
from common.evaluation.run_protocols import run_protocols


class Pools(ProtocolConfig):
    def function(self):
        return largest_and_smallest


def largest_and_smallest(inputs, settings, seed):
    found = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {"most": max(found), "least": min(found)}


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_a_protocol_computes_on_as_many_threads_as_torch(threads):
    config = with_protocols(("pools", Pools))()
    found = run_protocols(["pools"], object(), config, 0, "test/")
    assert found == {"test/most": threads, "test/least": threads}
