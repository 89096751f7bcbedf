"""What protocols on texts measure: vectors of texts, states of tokens, and what is known of them.

A module on texts has ``embed(ids, mask)``, which gives the vector of each text, ``backbone(ids,
mask)``, which gives the states of all layers, and ``backbone.num_positions``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.backbones.modes import evaluating
from common.evaluation.config import require_part
from common.evaluation.frozen import require_finite
from common.evaluation.tokens import TokenStore
from common.evaluation.vectors import Part, ScoredPairs, Vectors

CHUNK = 256
# Places that the words of a text are counted in, where nothing is learnt.
PLACES = 2048


class Graded(NamedTuple):
    """Pairs of texts, ``scores (pairs,)`` in float64 and ``subsets (pairs,)`` by number."""

    first: TokenStore
    second: TokenStore
    scores: NDArray[np.float64]
    subsets: NDArray[np.int64]


class LabelledTexts(NamedTuple):
    """Texts and the number of the entry or class of each, ``targets (texts,)``."""

    texts: TokenStore
    targets: NDArray[np.int64]


@dataclass
class TextInputs:
    """What a split gives; each part is embedded once, when a protocol first asks for it.

    Args:
        module: None of a reference, which counts words.
        encode: Cuts texts into tokens.
        unknown: The token of what the tokeniser does not know.
        graded: Pairs with scores, if there are any.
        train: Training texts of a set with entries or classes.
        held_out: Held-out samples; without targets all are -1.
    """

    module: Any
    encode: Callable[[Sequence[str]], TokenStore]
    unknown: int
    graded: Graded | None = None
    train: LabelledTexts | None = None
    held_out: LabelledTexts | None = None
    _found: dict[TokenStore, Tensor] = field(default_factory=dict)

    @property
    def vectors(self) -> Vectors:
        """Vectors of the split's texts, and states of their tokens where a module gives them."""
        whole = Part(partial(self.embed, self.sentences()))
        test = whole if self.held_out is None else self._labelled(self.held_out)
        train = None if self.train is None else self._labelled(self.train)
        states = None if self.module is None else self.states
        pairs = None
        if self.graded is not None:
            first, second = (Part(partial(self.embed, side)) for side in self.graded[:2])
            pairs = ScoredPairs(first, second, *self.graded[2:])
        return Vectors(
            test,
            train,
            whole=whole,
            pairs=pairs,
            states=states,
            sentences=True,
            learnt=self.module is not None,
        )

    def _labelled(self, found: LabelledTexts) -> Part:
        return Part(partial(self.embed, found.texts), torch.from_numpy(found.targets))

    def embed(self, store: TokenStore) -> Tensor:
        """Returns ``(texts, dim)`` on the CPU, in float32 or wider; raises where it is NaN."""
        if store not in self._found:
            embed = counted if self.module is None else partial(embed_store, self.module)
            self._found[store] = require_finite(embed(store))
        return self._found[store]

    def sentences(self) -> TokenStore:
        """Returns the split's texts: the first ones of graded pairs, or else those held out.

        Raises:
            ConfigError: There are none.
        """
        if self.graded is not None:
            return self.graded.first
        found: LabelledTexts = require_part(self.held_out, "a protocol of texts", "any")
        return found.texts

    def states(self, most: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields last states (texts, tokens, dim) and mask of the first ``most`` sentences.

        They are on the module's device.
        """
        for _, hidden, mask in run_encoder(self.module, self.sentences().head(most)):
            yield hidden[-1], mask


@torch.no_grad()
def embed_store(module: Any, store: TokenStore) -> Tensor:
    """Returns the module's vectors of all texts, ``(texts, dim)`` on the CPU."""
    parts, order = [], []
    with evaluating(module):
        for rows, ids, mask in store.chunks(CHUNK, module.backbone.num_positions):
            vectors = module.embed(ids.to(module.device), mask.to(module.device))
            parts.append(vectors.cpu() if vectors.dtype == torch.float64 else vectors.float().cpu())
            order.append(rows)
    return torch.cat(parts)[np.argsort(np.concatenate(order))]


@torch.no_grad()
def run_encoder(
    module: Any, store: TokenStore
) -> Iterator[tuple[NDArray[np.int64], list[Tensor], Tensor]]:
    """Yields rows, the states of all layers and the mask, on the module's device."""
    with evaluating(module):
        for rows, ids, mask in store.chunks(CHUNK, module.backbone.num_positions):
            here = mask.to(module.device)
            yield rows, module.backbone(ids.to(module.device), here), here


def counted(store: TokenStore) -> Tensor:
    """Returns how often each word occurs, ``(texts, PLACES)``; ids are taken modulo `PLACES`."""
    texts = np.repeat(np.arange(len(store)), store.lengths)
    inner = np.ones(len(texts), dtype=bool)
    starts = np.cumsum(store.lengths) - store.lengths
    inner[starts] = inner[starts + store.lengths - 1] = False
    ids = store.ids[store.offsets[0] : store.offsets[-1]].astype(np.int64) % PLACES
    places = torch.from_numpy(texts[inner]), torch.from_numpy(ids[inner])
    counts = torch.zeros(len(store), PLACES)
    return counts.index_put_(places, torch.ones(int(inner.sum())), accumulate=True)
