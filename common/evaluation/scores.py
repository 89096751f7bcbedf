"""Continuous scores of protocols, for whoever compares two states of the code.

A metric such as an accuracy moves in jumps: a small change moves none or a whole row. A protocol
hands over what its metric is computed from, right before the step that is not continuous.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Values = Tensor | NDArray[Any]
Kept = dict[str, list[NDArray[np.float64]]]

_ROWS: ContextVar[dict[str, Tensor] | None] = ContextVar("rows of metrics", default=None)
_LISTENER: ContextVar[Kept | None] = ContextVar("scores of protocols", default=None)


def keep(name: str, values: Values | Callable[[], Values]) -> None:
    """Hands scores to the listener, in float64; without one nothing is computed.

    The last of two or more dimensions is summed with fixed weights, so that no table of users and
    items is ever stored. What is infinite, as a score that is masked, counts as 0.

    Args:
        name: The protocol, or one of its parts.
        values: Scores, or what computes them where nothing else needs them.
    """
    found = _LISTENER.get()
    if found is None:
        return
    given = values() if callable(values) else values
    given = given.detach().cpu() if isinstance(given, Tensor) else torch.as_tensor(given)
    scores = given.double().nan_to_num(nan=torch.nan, posinf=0.0, neginf=0.0).numpy()
    found.setdefault(name, []).append(_summed(scores))


def keep_rows(metric: str, values: Tensor) -> None:
    """Hands the tested rows' ``values (rows,)``, whose mean ``metric`` is, to whoever listens."""
    found = _ROWS.get()
    if found is not None:
        found[metric] = values.detach().cpu().double()


@contextmanager
def kept_rows() -> Iterator[dict[str, Tensor]]:
    """Gives what protocols hand to `keep_rows` within the block, by metric."""
    found: dict[str, Tensor] = {}
    token = _ROWS.set(found)
    try:
        yield found
    finally:
        _ROWS.reset(token)


def keep_clusters(name: str, means: Any) -> None:
    """Hands over what a fitted ``KMeans`` found, whatever its clusters are numbered."""
    keep(f"{name} inertia", lambda: np.array([means.inertia_]))
    keep(f"{name} centres", lambda: np.sort(means.cluster_centers_, axis=0))


def _summed(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns ``scores`` without its last dimension, if it has two or more."""
    if scores.ndim < 2:
        return np.atleast_1d(scores).copy()
    weights = np.random.default_rng(0).random(scores.shape[-1]) + 0.5
    return np.asarray((scores * weights).sum(-1))


@contextmanager
def recorded() -> Iterator[Kept]:
    """Gives the scores that protocols keep within the block, by name, in their order."""
    found: Kept = {}
    token = _LISTENER.set(found)
    try:
        yield found
    finally:
        _LISTENER.reset(token)
