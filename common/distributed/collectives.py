"""Sums and gathers over processes; identity on one process.

Gradients follow the convention of DistributedDataParallel, which averages them: each process
differentiates its own loss, the backward pass of a collective sums over processes, and the
average is the gradient of the mean of the processes' losses.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Returns the number of processes, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Returns this process's number, 0 without a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Returns the sum of ``tensor`` over processes, without gradient; any shape."""
    if world_size() == 1:
        return tensor.detach()
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def gather(tensor: Tensor) -> Tensor:
    """Concatenates ``(rows, ...)`` of all processes by rank, without gradient.

    Every process must hold the same number of rows.
    """
    if world_size() == 1:
        return tensor.detach()
    parts = [torch.empty_like(tensor) for _ in range(world_size())]
    dist.all_gather(parts, tensor.detach().contiguous())
    return torch.cat(parts)


class _AllReduceSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return all_reduce_sum(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return all_reduce_sum(gradients[0])


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        ctx.rows = tensor.shape[0]
        return gather(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # A sum and a slice rather than reduce-scatter, which gloo does not have.
        return all_reduce_sum(gradients[0])[rank() * ctx.rows : (rank() + 1) * ctx.rows]


def all_reduce_sum_with_grad(tensor: Tensor) -> Tensor:
    """Returns the sum over processes; its gradient is the sum of the processes' gradients."""
    return tensor if world_size() == 1 else _AllReduceSum.apply(tensor)


def gather_with_grad(tensor: Tensor) -> Tensor:
    """Concatenates ``(rows, ...)`` of all processes by rank; all rows carry gradient.

    Each process gets back the gradient of its rows, summed over all processes' losses.
    """
    return tensor if world_size() == 1 else _Gather.apply(tensor)
