"""What SIRL's protocols are given: rows, answers, and what turns rows into an embedding."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from common.evaluation.frozen import embed_frozen, require_finite
from common.evaluation.vectors import Part, Vectors
from common.losses.precision import upcast

CHUNK = 4096


class TrajectoryInputs:
    """Rows, and a module or none; made for one evaluation of the module as it stands.

    Args:
        rows: All rows ``(num, columns)``, as a module takes them.
        parts: The rows to train on and the tested ones, by number: "train" and "test".
        features: Scaled true features of all rows ``(num, features)``; None: unknown.
        queries: Answered queries to be tested by, ``(queries, 3)`` rows, the alike pair first.
        module: Has ``embed``; None: ``transform`` makes the embedding.
        transform: Takes all rows; None: they are the embedding themselves.
    """

    def __init__(
        self,
        rows: Tensor,
        parts: Mapping[str, Tensor],
        features: Tensor | None,
        queries: Tensor,
        module: nn.Module | None = None,
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.rows, self.parts, self.features, self.queries = rows, parts, features, queries
        self.module, self._transform = module, transform

    @property
    def vectors(self) -> Vectors:
        """The embedding of the training rows and of the tested ones."""
        train, test = (Part(partial(self._rows, name)) for name in ("train", "test"))
        return Vectors(test, train, learnt=self.module is not None)

    def _rows(self, part: str) -> Tensor:
        return self.embedding[self.parts[part]]

    @cached_property
    def embedding(self) -> Tensor:
        """The frozen embedding of all rows, ``(num, dim)`` in float64 on the CPU.

        Raises:
            LikewiseError: It is not finite.
        """
        if self.module is None:
            found = self._transform(self.rows) if self._transform else self.rows
            return found.double()
        chunks = [embed_frozen(self.module, part).cpu() for part in self.rows.split(CHUNK)]
        return require_finite(torch.cat(chunks).double(), "what the module's embed returns")

    def standardised(self) -> Tensor:
        """Returns the embedding with mean 0 and deviation 1 of each dimension over training rows.

        A constant dimension becomes 0.
        """
        train = self.embedding[self.parts["train"]]
        mean, std = train.mean(0), train.std(0, correction=0)
        return (self.embedding - mean) / torch.where(std > 1e-8 * (1 + mean.abs()), std, torch.inf)


def principal_components(rows: Tensor, train: Tensor, count: int) -> Tensor:
    """Returns all rows by the first ``count`` principal components of the training rows.

    Args:
        rows: ``(num, columns)``.
        train: Numbers of the training rows.
        count: Components; at most as many as columns.
    """
    rows = upcast(rows).double()
    centred = rows - rows[train].mean(0)
    axes = torch.linalg.svd(centred[train], full_matrices=False)[2][:count]
    # The sign of an axis is the library's choice.
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return centred @ (axes * largest.sign()).T
