"""Item sequences that stand in for a real set: of its form, drawn from a seed."""

from typing import Any

import numpy as np

from common.data.sequences.module import SequenceBatch, SequenceData
from common.data.sequences.store import Sequences

# Share of actions that go a few items on, which can be learnt; the others go anywhere.
REGULAR, FARTHEST = 0.6, 3
# The smaller, the longer the longest users.
SKEW = 0.02


def shape_of(data: SequenceData) -> dict[str, Any]:
    """Returns what `make` must know of a set, after its core is taken; JSON can hold it."""
    sequences = data.sequences
    return {
        "users": len(sequences.lengths),
        "items": sequences.num_items,
        "actions": len(sequences.items),
        "shortest": int(sequences.lengths.min()),
        "core": data.config.core or 1,
    }


def inputs(batch: SequenceBatch) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch, to see what it makes of it."""
    return (
        batch.items,
        batch.lengths,
    )


def make(shape: dict[str, Any], rows: int | None = None, seed: int = 0) -> Sequences:
    """Returns sequences in which each item occurs, as often as the core of ``shape`` asks.

    Args:
        shape: What `shape_of` returned.
        rows: Users at most, with as many actions each; the items stay. None: all users.
        seed: Decides every draw.
    """
    generator = np.random.default_rng(seed)
    users = min(rows or shape["users"], shape["users"])
    actions = shape["actions"] * users // shape["users"]
    offsets = np.concatenate(([0], np.cumsum(_lengths(users, actions, shape, generator))))
    near = generator.random(actions) < REGULAR
    steps = np.where(
        near,
        generator.integers(1, FARTHEST + 1, size=actions),
        generator.integers(shape["items"], size=actions),
    )
    items = np.cumsum(steps) % shape["items"] + 1
    every = np.tile(np.arange(1, shape["items"] + 1), shape["core"])[:actions]
    items[generator.permutation(actions)[: len(every)]] = every
    return Sequences("synthetic", items, offsets, shape["items"])


def _lengths(
    users: int, actions: int, shape: dict[str, Any], generator: np.random.Generator
) -> np.ndarray:
    """Returns how many actions each user has: few have many, and the first has the fewest."""
    weight = 1 / (generator.random(users) + SKEW)
    weight[0] = 0
    # Running sums are added one after another on every machine.
    until = np.cumsum(weight)
    share = until / max(until[-1], SKEW)
    ends = np.floor(share * (actions - shape["shortest"] * users)).astype(np.int64)
    return shape["shortest"] + np.diff(ends, prepend=0)
