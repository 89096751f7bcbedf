"""Which labelled nodes train, validate and test a probe."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError

Ids = NDArray[np.int64]


class NodeSplit(NamedTuple):
    """Target nodes for training, validation and test of a probe."""

    train: Ids
    val: Ids
    test: Ids


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
        labels: Labels of the target nodes, -1 where unknown.
        per_class: The numbers.
        num_val: Validation nodes.
        num_test: Test nodes at most.
        seed: Seed of the draws.
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


def check_parts(parts: dict[str, Ids], labels: Ids, classes: Sequence[Any], where: str) -> None:
    """Checks one split.

    Args:
        parts: Training, validation and test nodes in this order, by what errors call them.
        labels: Labels of all target nodes, -1 where unknown.
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
