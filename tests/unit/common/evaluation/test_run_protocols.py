from dataclasses import dataclass

import pytest
import torch
from threadpoolctl import threadpool_info

from common.evaluation.config import ProtocolConfig, evaluation_schema
from common.evaluation.run_protocols import run_protocols


@dataclass
class Pools(ProtocolConfig):
    pass


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
    config = evaluation_schema(
        ("pools", (f"{__name__}:largest_and_smallest", f"{__name__}:Pools"))
    )()
    found = run_protocols(["pools"], object(), config, 0, "test/")
    assert found == {"test/most": threads, "test/least": threads}
