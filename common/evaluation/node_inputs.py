"""Embeddings of labelled nodes, as the protocols on graphs take them."""

from typing import NamedTuple

from torch import Tensor

from common.evaluation.vectors import Part, Vectors


class NodeEmbeddings(NamedTuple):
    """``z``: (nodes, dim) in evaluation mode; ``labels``: (nodes,), -1 unknown.

    ``active_z`` is one pass with dropout active (None: the encoder has none). ``splits``: by
    labelled nodes a class, (train, val, test) ids; the probe is selected on val.
    """

    z: Tensor
    active_z: Tensor | None
    labels: Tensor
    splits: dict[int, tuple[Tensor, Tensor, Tensor]]

    def variants(self, dropout_active: bool) -> dict[str, Tensor]:
        """Returns the embeddings to measure by the prefix of their metrics."""
        found = {"": self.z}
        if dropout_active and self.active_z is not None:
            found["active_"] = self.active_z
        return found

    @property
    def vectors(self) -> Vectors:
        """Those of all nodes, and by the split with the most labelled nodes."""
        parts = self.splits[max(self.splits)] if self.splits else [None] * 3
        train, val, test = (None if ids is None else self._part(ids) for ids in parts)
        z = self.active_z
        active = None if z is None else Part(lambda: z, self.labels)
        whole = Part(lambda: self.z, self.labels)
        return Vectors(test or whole, train, val, whole, active)

    def _part(self, nodes: Tensor) -> Part:
        return Part(lambda: self.z[nodes], self.labels[nodes])
