"""What a reader of texts returns, before it is cut into tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from common.distributed.draws import keyed_generator


@dataclass(frozen=True)
class Texts:
    """Samples: ``columns`` are the first text of each, the second, and so on.

    ``targets (samples,)`` are scores in float64, or numbers of entries or classes in int64.
    ``subsets`` name the part of a task that each pair with a score is of.
    """

    columns: tuple[Sequence[str], ...]
    targets: NDArray | None = None
    subsets: Sequence[str] = ()

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.columns[0])

    def rows(self, rows: Sequence[int] | NDArray[np.int64]) -> "Texts":
        """Returns samples ``rows``, in their order."""
        columns = tuple([column[row] for row in rows] for column in self.columns)
        targets = None if self.targets is None else self.targets[np.asarray(rows, dtype=np.int64)]
        return Texts(columns, targets, [self.subsets[row] for row in rows] if self.subsets else ())

    def apart(self) -> "Texts":
        """Returns each text as a sample of its own, without a target."""
        return Texts(([text for column in self.columns for text in column],))


@dataclass(frozen=True)
class TextSet:
    """What is trained on, and what is measured on the splits ``val`` and ``test``.

    ``held_out`` are samples as the training's; ``graded`` are pairs with scores. ``names`` are of
    entries or classes. ``vocabulary`` is given by a set that brings its own whole words.
    """

    train: Texts
    held_out: Mapping[str, Texts] = field(default_factory=dict)
    graded: Mapping[str, Texts] = field(default_factory=dict)
    names: Sequence[str] = ()
    vocabulary: Sequence[str] = ()


def keep_apart(texts: Texts, share: float) -> dict[str, Texts]:
    """Returns ``train``, ``val`` and ``test``: ``share`` of the samples in each of the last two.

    Which ones they are depends on the number of samples alone.
    """
    order = torch.randperm(len(texts), generator=keyed_generator(0, len(texts))).numpy()
    count = max(int(share * len(texts)), 1)
    parts = {"val": order[:count], "test": order[count : 2 * count], "train": order[2 * count :]}
    return {name: texts.rows(np.sort(rows)) for name, rows in parts.items()}
