"""Float64 throughout: what rounding does is then far below what is compared."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor


@contextmanager
def in_double() -> Iterator[None]:
    """Makes new tensors float64, and ``tensor.float()`` too: it stands for the default precision.

    On one thread, whatever the recipe says, so that sums have one order.
    """
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    plain = Tensor.float
    Tensor.float = Tensor.double  # type: ignore[method-assign]
    try:
        yield
    finally:
        Tensor.float = plain  # type: ignore[method-assign]
        torch.set_default_dtype(before)
        torch.set_num_threads(threads)


def in_float64(value: Any) -> Any:
    """Returns ``value`` with each floating tensor in float64, within whatever holds it."""
    return mapped(value, Tensor.double)


# Parts of batches that are no inputs: a label or a place that is moved is another one.
KEPT = ("crops", "informative", "sizes", "targets")


def moved(value: Any, share: float) -> Any:
    """Returns ``value`` with each floating number changed by up to ``share`` of it, but `KEPT`."""
    generator = torch.Generator().manual_seed(1)

    def move(tensor: Tensor) -> Tensor:
        if tensor.layout == torch.sparse_csr:
            places = tensor.crow_indices(), tensor.col_indices()
            return torch.sparse_csr_tensor(*places, move(tensor.values()), tensor.shape)
        noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 2 - 1
        return tensor * (1 + share * noise)

    return mapped(value, move, KEPT)


def mapped(value: Any, change: Callable[[Tensor], Any], kept: tuple[str, ...] = ()) -> Any:
    """Returns ``value`` with ``change`` applied to each floating tensor in it.

    Fields whose names are ``kept`` stay.
    """
    if isinstance(value, Tensor):
        return change(value) if value.is_floating_point() else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = zip(value._fields, value, strict=True)
        return type(value)(
            *(part if name in kept else mapped(part, change, kept) for name, part in named)
        )
    if isinstance(value, list | tuple):
        return type(value)(mapped(part, change, kept) for part in value)
    if isinstance(value, dict):
        return {key: mapped(part, change, kept) for key, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        own = {part.name: getattr(value, part.name) for part in fields(value)}
        changed = {n: mapped(part, change, kept) for n, part in own.items() if n not in kept}
        return replace(value, **changed)
    return value
