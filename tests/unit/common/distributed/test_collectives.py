import pytest
import torch

from common.distributed.collectives import (
    all_reduce_sum,
    all_reduce_sum_with_grad,
    gather,
    gather_with_grad,
    rank,
    world_size,
)
from tests.gloo import run_processes


def make_rows() -> torch.Tensor:
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def contrast(z: torch.Tensor, everyone: torch.Tensor) -> torch.Tensor:
    return torch.logsumexp(z @ everyone.T, dim=1).mean()


def distributed_values() -> dict[str, torch.Tensor]:
    mine = make_rows().chunk(world_size())[rank()].clone().requires_grad_()
    contrast(mine, gather_with_grad(mine)).backward()
    gathered = mine.grad.clone()
    mine.grad = None
    # Each process weighs the common sum differently, so its gradient must sum the weights.
    ((rank() + 1) * all_reduce_sum_with_grad(mine.square().sum(0)).sum()).backward()
    return {
        "gather_gradient": gathered,
        "sum_gradient": mine.grad,
        "sum": all_reduce_sum(mine.sum(0)),
        "gathered": gather(mine),
    }


@pytest.mark.distributed
def test_two_processes_equal_one():
    results = run_processes(distributed_values)
    rows = make_rows().requires_grad_()
    contrast(rows, rows).backward()
    # What DistributedDataParallel's average makes of the processes' gradients.
    averaged = torch.cat([result["gather_gradient"] for result in results]) / 2
    torch.testing.assert_close(averaged, rows.grad, rtol=1e-12, atol=1e-12)
    for part, result in zip(rows.detach().chunk(2), results, strict=True):
        torch.testing.assert_close(result["sum_gradient"], 3 * 2 * part)
        torch.testing.assert_close(result["sum"], rows.detach().sum(0))
        torch.testing.assert_close(result["gathered"], rows.detach())


def test_one_process_is_identity():
    rows = make_rows().requires_grad_()
    assert world_size() == 1 and rank() == 0
    assert gather_with_grad(rows) is rows and all_reduce_sum_with_grad(rows) is rows
    for function in (all_reduce_sum, gather):
        assert torch.equal(function(rows), rows.detach())
        assert not function(rows).requires_grad
