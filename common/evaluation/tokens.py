"""Texts as tokens: one flat array, cut and padded where a batch is made."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class TokenStore:
    """Text i is ``ids[offsets[i] : offsets[i + 1]]``, special tokens included.

    ``ids (tokens,)`` is int32 and ``offsets (texts + 1,)`` int64; ``pad`` fills a batch.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    pad: int

    def __len__(self) -> int:
        """Returns the number of texts."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, ``(texts,)``."""
        return np.diff(self.offsets)

    def gather(self, rows: Tensor | NDArray[np.int64], longest: int) -> tuple[Tensor, Tensor]:
        """Returns ids, int64, and mask of texts ``rows``, both ``(rows, tokens)``.

        They are padded to the longest of them. A text of more than ``longest`` tokens keeps its
        first ones and its last, which closes it.
        """
        rows = np.asarray(rows)
        lengths = np.minimum(self.lengths[rows], longest)[:, None]
        position = np.arange(lengths.max())
        inside = position < lengths
        source = self.offsets[rows][:, None] + position
        source = np.where(position == lengths - 1, self.offsets[rows + 1][:, None] - 1, source)
        ids = np.where(inside, self.ids[np.where(inside, source, 0)], self.pad).astype(np.int64)
        return torch.from_numpy(ids), torch.from_numpy(inside)

    def head(self, count: int) -> "TokenStore":
        """Returns the first ``count`` texts, or all where there are no more."""
        return TokenStore(self.ids, self.offsets[: count + 1], self.pad)

    def chunks(self, size: int, longest: int) -> Iterator[tuple[NDArray[np.int64], Tensor, Tensor]]:
        """Yields rows, ids and mask of at most ``size`` texts of like lengths, the short first."""
        order = np.argsort(self.lengths, kind="stable")
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield rows, *self.gather(rows, longest)


def pack_tokens(texts: Iterable[Sequence[int]], pad: int) -> TokenStore:
    """Stores texts end to end, each a sequence of ids."""
    arrays = [np.asarray(text, dtype=np.int32) for text in texts]
    lengths = np.array([len(each) for each in arrays], dtype=np.int64)
    flat = np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int32)
    return TokenStore(flat, np.concatenate(([0], np.cumsum(lengths))), pad)


def gather_texts(stores: Sequence[TokenStore], rows: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Returns ids and mask of several texts a sample, ``(rows, texts, tokens)``."""
    parts = [store.gather(rows, longest) for store in stores]
    width = max(ids.shape[1] for ids, _ in parts)
    ids = torch.full((len(rows), len(stores), width), stores[0].pad)
    mask = torch.zeros(ids.shape, dtype=torch.bool)
    for place, (own, inside) in enumerate(parts):
        ids[:, place, : own.shape[1]], mask[:, place, : own.shape[1]] = own, inside
    return ids, mask
