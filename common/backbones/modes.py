"""Modes of a network for a while; what was before comes back, after an exception too."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Puts ``module`` in evaluation mode and back, each of its parts to its own."""
    with _kept(module):
        module.eval()
        yield


@contextmanager
def training(module: nn.Module) -> Iterator[None]:
    """Puts ``module`` in training mode, with dropout and batch statistics, and back likewise."""
    with _kept(module):
        module.train()
        yield


@contextmanager
def _kept(module: nn.Module) -> Iterator[None]:
    before = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, was_training in before:
            part.training = was_training


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Keeps ``module``, all of which learns, from getting gradients, which still pass through."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
