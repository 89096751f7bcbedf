"""The comparison of two processes with one finds what differs, and names it."""

import pytest
import torch

from common.distributed.collectives import all_reduce_sum, rank, world_size
from tests.gloo import assert_equal_to_one_process


def share() -> torch.Tensor:
    rows = torch.arange(4.0, dtype=torch.float64)
    return rows.chunk(world_size())[rank()]


def global_sums() -> list[dict[str, torch.Tensor]]:
    return [{"sum": all_reduce_sum(share().sum())}, {"one": torch.ones(2)}]


def own_sums() -> list[dict[str, torch.Tensor]]:
    return [{"fine": torch.ones(1)}, {"sum": share().sum()}]


def names_of_the_rank() -> list[dict[str, torch.Tensor]]:
    return [{f"sum{rank()}": torch.ones(1)}]


@pytest.mark.distributed
def test_what_is_equal_is_returned_as_one_process_finds_it():
    found = assert_equal_to_one_process(global_sums)
    assert [list(case) for case in found] == [["sum"], ["one"]]
    assert found[0]["sum"] == 6


@pytest.mark.distributed
@pytest.mark.parametrize(
    ("train_all", "message"), [(own_sums, "case 1: sum"), (names_of_the_rank, "sum1")]
)
def test_what_differs_is_named(train_all, message):
    with pytest.raises(AssertionError, match=message):
        assert_equal_to_one_process(train_all)
