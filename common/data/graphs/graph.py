"""A heterogeneous graph with a target type, labels and splits; what every reader returns."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from common.data.graphs.metapaths import Matrix, count_neighbours, halves
from common.errors import DataError

Ids = NDArray[np.int64]
Links = dict[tuple[str, str], Matrix]


class NodeSplit(NamedTuple):
    """Target nodes for training, validation and test of a probe."""

    train: Ids
    val: Ids
    test: Ids


@dataclass(frozen=True)
class HeteroGraph:
    """Nodes of several types; the order of ``num_nodes`` is the order of the types.

    ``links``: 0/1 incidences by (source type, end type). ``features``: CSR or dense, rows a
    node; a type that is missing there has identity features. ``labels``: of the target nodes,
    -1 where unknown. ``splits``: by labelled nodes a class. ``metapaths``: default ones.
    ``notes``: what the reader decided and a user should read.
    """

    target: str
    num_nodes: dict[str, int]
    links: Links
    features: dict[str, Any]
    labels: Ids
    splits: dict[int, NodeSplit]
    metapaths: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return int(self.labels.max()) + 1

    def parse(self, metapath: str) -> list[str]:
        """Splits ``paper-author-paper``; it must lead from the target type back to it.

        Raises:
            DataError: Unknown type, a path that does not start and end at the target, or one that
                is another path backwards: PathSim is defined for symmetric ones (Sun et al. 2011).
        """
        types = metapath.split("-")
        for name in types:
            if name not in self.num_nodes:
                known = ", ".join(self.num_nodes)
                raise DataError(f"meta-path {metapath}: unknown node type {name!r}; types: {known}")
        if len(types) < 3 or types[0] != self.target or types[-1] != self.target:
            raise DataError(
                f"meta-path {metapath} must lead from {self.target} over another type back to "
                f"{self.target}"
            )
        if types != types[::-1]:
            half = types[: len(types) // 2 + 1]
            raise DataError(
                f"meta-path {metapath} is another one backwards; PathSim needs one that goes back "
                f"as it came, such as {'-'.join(half + half[-2::-1])}"
            )
        return types

    def halves(self, metapath: str) -> tuple[Matrix, Matrix]:
        """Returns two thin matrices whose product counts the paths between target nodes."""
        return halves(self.links, self.parse(metapath))

    def num_alone(self, metapath: str) -> int:
        """Returns how many target nodes have no other target as a neighbour."""
        _, others = count_neighbours(*self.halves(metapath))
        return int((others == 0).sum())

    def dense_features(self, node_type: str) -> NDArray[np.float32]:
        """Returns the features of a type as a dense array."""
        features = self.features.get(node_type)
        if features is None:
            return np.eye(self.num_nodes[node_type], dtype=np.float32)
        dense = features.toarray() if sp.issparse(features) else np.asarray(features)
        return dense.astype(np.float32)


def make_links(
    pairs: NDArray[Any], ends: tuple[str, str], num_nodes: dict[str, int], where: str
) -> Matrix:
    """Returns the 0/1 incidence of ``pairs``: (links, 2); repeated pairs count once.

    Raises:
        DataError: A pair names a node that does not exist; names ``where`` and the row.
    """
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    for column, node_type in enumerate(ends):
        ids, count = pairs[:, column], num_nodes[node_type]
        wrong = np.flatnonzero((ids < 0) | (ids >= count))
        if len(wrong):
            raise DataError(
                f"{where}: row {wrong[0] + 1} names {node_type} {ids[wrong[0]]}, but there are "
                f"{count} (numbered from 0)"
            )
    shape = (num_nodes[ends[0]], num_nodes[ends[1]])
    # float32 counts paths exactly up to 2^24 and halves the largest products.
    ones = np.ones(len(pairs), dtype=np.float32)
    incidence = sp.csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=shape)
    incidence.data[:] = 1
    return incidence


def normalise_rows(features: Matrix) -> Matrix:
    """Returns ``features`` with rows that sum to 1; an empty row stays empty."""
    sums = np.asarray(features.sum(1), dtype=np.float64).ravel()
    inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums != 0)
    return sp.csr_matrix(sp.diags(inverse) @ features).astype(np.float32)


def draw_splits(
    labels: Ids,
    per_class: tuple[int, ...],
    num_val: int,
    num_test: int,
    seed: int,
    where: str,
    classes: Sequence[Any] | None = None,
) -> dict[int, NodeSplit]:
    """Draws, for each number, that many training nodes a class, then validation and test.

    Every class is in all three: a score of one that is missing from the test would be no number.

    Args:
        labels: Of the target nodes, -1 where unknown.
        per_class: The numbers.
        num_val: Validation nodes.
        num_test: Test nodes at most.
        seed: Of the draws.
        where: The file or attribute that labels are from, for errors.
        classes: What errors call classes 0, 1, ...; null: their numbers.

    Raises:
        DataError: A class has fewer labelled nodes than asked for, or nothing is left to test.
    """
    splits, names = {}, range(int(labels.max()) + 1) if classes is None else classes
    for number in per_class:
        generator = np.random.default_rng((seed, number))
        order = generator.permutation(np.flatnonzero(labels >= 0))
        train = [
            _first_of_class(order[labels[order] == label], number, f"{where}: class {name}")
            for label, name in enumerate(names)
        ]
        rest = order[~np.isin(order, np.concatenate(train))]
        if len(rest) < 2 or len(rest) < num_val + 1:
            raise DataError(
                f"{where}: {len(rest)} labelled nodes are left beside {number} a class for "
                f"training; {num_val + 1} are needed: label more or lower data.labels_per_class"
            )
        val, test = _share_out(rest, labels[rest], len(names), num_val, num_test)
        splits[number] = NodeSplit(np.concatenate(train), val, test)
    return splits


def _first_of_class(members: Ids, number: int, where: str) -> Ids:
    if len(members) < number + 2:
        raise DataError(
            f"{where} has {len(members)} labelled nodes; {number + 2} are needed: label more or "
            "lower data.labels_per_class"
        )
    return members[:number]


def _share_out(
    rest: Ids, labels: Ids, num_classes: int, num_val: int, num_test: int
) -> tuple[Ids, Ids]:
    """Cuts ``rest`` where it stands; a rare class that a part would miss goes to the front."""
    val, test = slice(0, num_val), slice(num_val, num_val + num_test)
    if all(len(np.unique(labels[part])) == num_classes for part in (val, test)):
        return rest[val], rest[test]
    lead = np.stack([rest[labels == label][:2] for label in range(num_classes)])
    others = rest[~np.isin(rest, lead)]
    cut = max(num_val - num_classes, 0)
    more = max(num_test - num_classes, 0)
    return (
        np.concatenate([lead[:, 0], others[:cut]]),
        np.concatenate([lead[:, 1], others[cut : cut + more]]),
    )


def check_splits(graph: HeteroGraph, where: str) -> None:
    """`check_parts` of every split of a graph, whose parts are called ``train_20`` and so on."""
    for number, split in graph.splits.items():
        parts = {f"{name}_{number}": ids for name, ids in split._asdict().items()}
        check_parts(parts, graph.labels, range(graph.num_classes), f"{where}: ")


def check_parts(parts: dict[str, Ids], labels: Ids, classes: Sequence[Any], where: str) -> None:
    """Checks one split.

    Args:
        parts: Training, validation and test nodes in this order, by what errors call them.
        labels: Of all target nodes, -1 where unknown.
        classes: What errors call classes 0, 1, ...
        where: Stands before those names.

    Raises:
        DataError: A part names no target node, overlaps with the test, or misses a class.
    """
    for name, ids in parts.items():
        if len(ids) and not 0 <= ids.min() <= ids.max() < len(labels):
            raise DataError(
                f"{where}{name} names a node that does not exist; there are {len(labels)}, "
                "numbered from 0"
            )
    *others, test = parts
    for name in others:
        if len(shared := np.intersect1d(parts[name], parts[test])):
            raise DataError(
                f"{where}{test} overlaps with {name} (node {shared[0]} is in both); leave each "
                "node in one of them"
            )
    for name, ids in parts.items():
        counts = np.bincount(labels[ids][labels[ids] >= 0], minlength=len(classes))
        if counts.min() == 0:
            raise DataError(
                f"{where}{name} holds no node of class {classes[int(counts.argmin())]}, and the "
                "probe needs one of each: add one, or leave the class out"
            )


def fingerprint(*parts: Any) -> str:
    """Returns 16 hex digits over arrays, sparse matrices, text, and containers of them."""
    digest = hashlib.sha256()
    for part in parts:
        _digest(part, digest)
    return digest.hexdigest()[:16]


def _digest(part: Any, digest: Any) -> None:
    if isinstance(part, dict):
        _digest([item for pair in part.items() for item in pair], digest)
    elif isinstance(part, list | tuple):
        for item in part:
            _digest(item, digest)
    elif sp.issparse(part):
        csr = sp.csr_matrix(part)
        csr.sort_indices()
        _digest([csr.shape, csr.indptr, csr.indices, csr.data], digest)
    elif isinstance(part, np.ndarray):
        kind = np.float32 if part.dtype.kind == "f" else np.int64
        digest.update(np.ascontiguousarray(part.astype(kind)).tobytes())
    else:
        digest.update(repr(part).encode())
