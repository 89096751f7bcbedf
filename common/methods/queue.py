"""First in, first out: the keys of earlier batches, as a buffer."""

import torch
from torch import Tensor


@torch.no_grad()
def enqueue(queue: Tensor, start: Tensor, keys: Tensor) -> None:
    """Writes ``keys`` over the oldest of ``queue`` and moves ``start`` behind them, in place.

    Args:
        queue: ``(..., length, dim)``, read as a ring.
        start: A whole number, the place of the oldest key.
        keys: ``(..., rows, dim)``, at most ``length`` rows.
    """
    length, rows = queue.shape[-2], keys.shape[-2]
    places = (start + torch.arange(rows, device=queue.device)) % length
    queue[..., places, :] = keys.to(queue.dtype)
    start.copy_((start + rows) % length)
