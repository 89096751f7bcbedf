"""A sum over rows of an N x N contrast, without the N x N matrix in memory."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

RowLoss = Callable[..., Tensor]


def sum_over_row_chunks(
    row_loss: RowLoss, num_rows: int, chunk_rows: int, *tensors: Tensor
) -> Tensor:
    """Returns ``sum over chunks of row_loss(rows, *tensors)``, differentiable once in ``tensors``.

    Loss and gradients of a chunk are computed together and only the gradients are kept: memory
    grows with ``chunk_rows * N`` instead of ``N * N``, and nothing is computed twice.

    Args:
        row_loss: Gets a slice of rows and the tensors, returns a scalar. What needs no gradient
            is bound to it beforehand.
        num_rows: Rows in all.
        chunk_rows: Rows at a time.
        tensors: What the loss is differentiated in.
    """
    loss: Tensor = _RowChunks.apply(row_loss, num_rows, chunk_rows, *tensors)
    return loss


class _RowChunks(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, row_loss: RowLoss, num_rows: int, chunk_rows: int, *tensors: Tensor
    ) -> Tensor:
        needed = ctx.needs_input_grad[3:]
        leaves = [t.detach().requires_grad_(n) for t, n in zip(tensors, needed, strict=True)]
        watched = [leaf for leaf in leaves if leaf.requires_grad]
        gradients = [torch.zeros_like(leaf) for leaf in watched]
        total = tensors[0].new_zeros(())
        for start in range(0, num_rows, chunk_rows):
            with torch.enable_grad():
                part = row_loss(slice(start, min(start + chunk_rows, num_rows)), *leaves)
            total += part.detach()
            if watched:
                parts = torch.autograd.grad(part, watched)
                for gradient, of_chunk in zip(gradients, parts, strict=True):
                    gradient += of_chunk
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        gradients = iter(ctx.saved_tensors)
        scaled = [
            next(gradients) * grad_outputs[0] if needed else None
            for needed in ctx.needs_input_grad[3:]
        ]
        return None, None, None, *scaled
