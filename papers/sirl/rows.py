"""A whole set of rows, and what is drawn from it."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from common.errors import DataError


@dataclass(frozen=True)
class TrajectorySet:
    """Rows as a reader gives them.

    Attributes:
        rows: ``(num, columns)`` float64.
        is_test: ``(num,)``, which rows are tested; with ``answered`` no row is kept apart.
        features: ``(num, features)`` float64, the true ones, not scaled, which the simulated
            person knows; None: nobody is simulated.
        answered: ``(answers, 3)`` rows, the alike pair first, of people; None: the person is
            simulated.
        columns: Names of the columns, where they are known.
    """

    rows: Tensor
    is_test: Tensor
    features: Tensor | None = None
    answered: Tensor | None = None
    columns: tuple[str, ...] = ()


def check_set(name: str, found: TrajectorySet) -> None:
    """Raises `DataError` where a value is not finite, or no three rows are left in a part."""
    bad = ~found.rows.isfinite().all(1)
    if bad.any():
        row = int(bad.nonzero()[0])
        raise DataError(f"{name}: row {row} holds NaN or infinity; fill it or drop it")
    if found.answered is None:
        for part, rows in (("training", ~found.is_test), ("test", found.is_test)):
            if int(rows.sum()) < 3:
                raise DataError(f"{name}: {int(rows.sum())} {part} rows; a query needs three")


def fingerprint(found: TrajectorySet) -> str:
    """Returns 16 hex digits over all rows, features and answers."""
    digest = hashlib.sha256()
    for array in (found.rows, found.is_test, found.features, found.answered):
        if array is not None:
            digest.update(f"{array.dtype} {tuple(array.shape)}".encode())
            digest.update(array.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def draw_groups(rows: Tensor, count: int, size: int, generator: torch.Generator) -> Tensor:
    """Returns ``count`` groups of ``size`` different rows, ``(count, size)``, all as likely.

    Args:
        rows: Rows to draw from, at least ``size``.
        count: Number of groups; a row may be in several.
        size: Rows of a group.
        generator: Generator of the draws.
    """
    places = torch.randint(len(rows), (count, size), generator=generator)
    while True:
        ordered = places.sort(1).values
        again = (ordered[:, 1:] == ordered[:, :-1]).any(1)
        if not again.any():
            return rows[places]
        drawn = (int(again.sum()), size)
        places[again] = torch.randint(len(rows), drawn, generator=generator)
