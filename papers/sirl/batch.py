"""Batches of queries, of rows alone, and of preferences."""

from typing import NamedTuple

from torch import Tensor

from common.data.sampler import BatchKey, lone_key
from common.errors import DataError, outline


class QueryBatch(NamedTuple):
    """``first``, ``second``, ``odd``: (batch, columns); the person named the first two alike."""

    first: Tensor
    second: Tensor
    odd: Tensor
    key: BatchKey


class RowBatch(NamedTuple):
    """``rows``: (batch, columns)."""

    rows: Tensor
    key: BatchKey


class PreferenceBatch(NamedTuple):
    """``first``, ``second``: (batch, columns).

    ``labels``: (batch,), 0 where the first is preferred and 1 where the second is; ``people``:
    (batch,), by whom.
    """

    first: Tensor
    second: Tensor
    labels: Tensor
    people: Tensor
    key: BatchKey


def as_query_batch(batch: object) -> QueryBatch:
    """Returns a `QueryBatch` as it is, and makes one of ``(first, second, odd)``.

    Raises:
        DataError: It is neither.
    """
    if isinstance(batch, QueryBatch):
        return batch
    parts = _tensors(batch, 3)
    if len({part.shape for part in parts}) != 1:
        raise DataError(
            f"{outline(batch)}: training_step takes (first, second, odd), three tensors "
            "(batch, columns) of one shape; the first two are alike"
        )
    return QueryBatch(parts[0], parts[1], parts[2], lone_key(len(parts[0])))


def as_row_batch(batch: object) -> RowBatch:
    """Returns a `RowBatch` as it is, and makes one of a tensor ``(batch, columns)``.

    Raises:
        DataError: It is neither.
    """
    if isinstance(batch, RowBatch):
        return batch
    if not isinstance(batch, Tensor):
        raise DataError(f"{outline(batch)}: training_step takes a tensor (batch, columns)")
    return RowBatch(batch, lone_key(len(batch)))


def as_preference_batch(batch: object) -> PreferenceBatch:
    """Returns a `PreferenceBatch` as it is, and makes one of ``(first, second, labels, people)``.

    Raises:
        DataError: It is neither.
    """
    if isinstance(batch, PreferenceBatch):
        return batch
    parts = _tensors(batch, 4)
    if len({len(part) for part in parts}) != 1:
        raise DataError(
            f"{outline(batch)}: training_step takes (first, second, labels, people): the "
            "first two (batch, columns), the others (batch,)"
        )
    return PreferenceBatch(parts[0], parts[1], parts[2], parts[3], lone_key(len(parts[0])))


def _tensors(batch: object, count: int) -> list[Tensor]:
    """Returns the tensors of a batch of ``count`` of them; none of anything else."""
    parts = list(batch) if isinstance(batch, list | tuple) else []
    return parts if len(parts) == count and all(isinstance(p, Tensor) for p in parts) else []
