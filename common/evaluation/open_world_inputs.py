"""What protocols on known and novel classes are given: images, and a module or none."""

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.evaluation.frozen import require_finite
from common.evaluation.vectors import Part, Vectors
from common.losses.precision import upcast

CHUNK = 128


class ImagesByRow(Protocol):
    """Images by row: a uint8 tensor, or files that are read when a batch needs them."""

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Returns ``(len(rows), 3, height, width)`` uint8."""
        ...


class OpenWorldInputs:
    """Tested images and a module or none; each of its outputs is computed once, on first use.

    Args:
        images: Those that are measured.
        labels: ``(num,)`` true classes.
        num_known: Classes below this number are known.
        prepare: Makes of stored images what the module takes.
        module: Has ``embed`` and ``predict``; None: pixels are the features, and there is no head.
    """

    def __init__(
        self,
        images: ImagesByRow,
        labels: Tensor,
        num_known: int,
        prepare: Callable[[Tensor], Tensor],
        module: nn.Module | None = None,
    ) -> None:
        self.images, self.labels, self.num_known = images, labels, num_known
        self.prepare, self.module = prepare, module

    @property
    def truth(self) -> NDArray[np.int64]:
        """True classes."""
        return self.labels.numpy()

    @property
    def vectors(self) -> Vectors:
        """Frozen features of the tested images with their true classes."""
        test = Part(lambda: self.features, self.labels)
        return Vectors(test, learnt=self.module is not None)

    @cached_property
    def features(self) -> Tensor:
        """Frozen features ``(num, dim)`` on the CPU."""
        return self._map("embed")

    @cached_property
    def logits(self) -> Tensor:
        """Scores of all heads, ``(num, heads)`` on the CPU."""
        return self._map("predict")

    @torch.no_grad()
    def _map(self, verb: str) -> Tensor:
        rows = torch.arange(len(self.labels)).split(CHUNK)
        if self.module is None:
            return torch.cat([self.prepare(self.images[r]).flatten(1) for r in rows])
        device = next(self.module.parameters()).device
        function = getattr(self.module, verb)
        with evaluating(self.module):
            parts = [upcast(function(self.prepare(self.images[r].to(device)))).cpu() for r in rows]
        return require_finite(torch.cat(parts), f"what the module's {verb} returns")
