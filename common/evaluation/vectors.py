"""Vectors of samples of any kind with what is known of each: what most protocols measure.

Whatever has vectors has ``vectors``, one of these: the inputs of each data module, a file of
vectors, a foreign encoder.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class HasFeatures(Protocol):
    """What protocols on features are given."""

    @property
    def features(self) -> "FeatureSet":
        """Features of whole samples with their labels, on the CPU."""
        ...


class FeatureSet(NamedTuple):
    """``train_x``: (num_train, dim), ``train_y``: (num_train,); the same for the tested split."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor

    @property
    def features(self) -> "FeatureSet":
        """Itself: a protocol on features takes whatever has them."""
        return self

    def standardised(self) -> "FeatureSet":
        """Returns features of zero mean and unit deviation, measured on ``train_x``."""
        train, test = (standardised(x, self.train_x) for x in (self.train_x, self.test_x))
        return self._replace(train_x=train, test_x=test)


def standardised(x: Tensor, train: Tensor) -> Tensor:
    """Returns ``x (num, dim)`` with zero mean and unit deviation, measured on ``train``."""
    mean, std = train.mean(0), train.std(0, correction=0)
    return (x - mean) * inverse_scale(mean, std)


def inverse_scale(mean: Tensor, std: Tensor) -> Tensor:
    """Returns 1 / std, and 0 where a feature is constant: it stays 0 rather than NaN."""
    return torch.where(std > 1e-8 * (1 + mean.abs()), 1 / std.clamp(min=1e-30), 0 * std)


@dataclass(frozen=True)
class Part:
    """Some samples.

    Args:
        embed: Returns their vectors, ``(num, dim)`` on the CPU; called at first use.
        classes: ``(num,)`` int64, below 0 where it is not known; None: no sample has one.
        numbers: ``(num,)`` numbers as labels, or None.
    """

    embed: Callable[[], Tensor]
    classes: Tensor | None = None
    numbers: Tensor | None = None

    @cached_property
    def x(self) -> Tensor:
        """The vectors, ``(num, dim)``."""
        return self.embed()

    def rows(self, kept: Tensor) -> "Part":
        """Returns some of the samples, by number or mask."""
        classes, numbers = (None if y is None else y[kept] for y in (self.classes, self.numbers))
        return Part(lambda: self.x[kept], classes, numbers)

    @property
    def known(self) -> Tensor:
        """The classes of those samples whose class is known, perhaps of none."""
        if self.classes is None:
            return torch.empty(0, dtype=torch.int64)
        return self.classes[self.classes >= 0]

    def labelled(self) -> tuple[Tensor, Tensor]:
        """Returns vectors and classes of those samples whose class is known."""
        assert self.classes is not None  # the protocol says that it needs them
        kept = self.classes >= 0
        return (self.x, self.classes) if bool(kept.all()) else (self.x[kept], self.classes[kept])


class ScoredPairs(NamedTuple):
    """Pairs of samples, ``scores (pairs,)`` in float64 and ``subsets (pairs,)`` by number."""

    first: Part
    second: Part
    scores: NDArray[np.float64]
    subsets: NDArray[np.int64]


class Partners(NamedTuple):
    """Samples of another side, such as captions: ``owner (num,)`` is the tested one of each.

    ``names`` are those of both sides in metrics. ``truths``: by name, what is so of each tested
    sample ``(tested, facts)`` and what each partner says ``(num, facts)``, -1 where it says
    nothing of a fact: a partner is true of a sample where nothing that it says differs.
    """

    part: Part
    owner: NDArray[np.int64]
    names: tuple[str, str]
    truths: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}


@dataclass(frozen=True)
class Vectors:
    """Vectors, and what is known of them.

    Args:
        test: The measured samples.
        train: Those that a probe is fitted to, or neighbours are looked for among.
        val: Those that a probe is chosen by.
        whole: What a protocol measures that fits nothing, where that is not ``test``.
        active: The same as ``whole`` in a pass with dropout active.
        pairs: Pairs with scores.
        partners: Partners of ``test``.
        states: For a number of texts, yields the states of their tokens and the mask; None where
            samples are no texts, or nothing encodes them. ``whole`` are then sentences.
        sentences: Whether samples are sentences, whose tokens some encoders have states of.
        learnt: False of a reference that learns nothing.
    """

    test: Part
    train: Part | None = None
    val: Part | None = None
    whole: Part | None = None
    active: Part | None = None
    pairs: ScoredPairs | None = None
    partners: Partners | None = None
    states: Callable[[int], Iterator[tuple[Tensor, Tensor]]] | None = None
    sentences: bool = False
    learnt: bool = True

    @property
    def vectors(self) -> "Vectors":
        """Itself: a protocol on vectors takes whatever has them."""
        return self

    @property
    def measured(self) -> Part:
        """What a protocol measures that fits nothing."""
        return self.test if self.whole is None else self.whole

    @property
    def classed(self) -> Part:
        """What is measured whose classes are known, where any are."""
        return self.measured if len(self.measured.known) else self.test

    @property
    def known(self) -> set[str]:
        """What is known of them, in the words of `common.evaluation.config.KNOWN`."""
        tested, trained = self.test, self.train
        facts = {
            "classes": bool(len(self.classed.known)),
            "training classes": bool(
                trained is not None and len(trained.known) and len(tested.known)
            ),
            "numbers": trained is not None and None not in (trained.numbers, tested.numbers),
            "scored pairs": self.pairs is not None,
            "partners": self.partners is not None,
        }
        return {name for name, holds in facts.items() if holds}

    @property
    def features(self) -> FeatureSet:
        """Those samples whose class is known."""
        assert self.train is not None  # the protocol says that it needs training classes
        return FeatureSet(*self.train.labelled(), *self.test.labelled())

    def sides(self) -> dict[str, Tensor]:
        """Returns what a protocol measures that fits nothing, by the prefix of its metrics."""
        found = {"": self.measured.x}
        if self.partners is not None:
            found[f"{self.partners.names[1]}_"] = self.partners.part.x
        return found


def labelled_vectors(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor) -> Vectors:
    """Returns vectors ``(num, dim)`` and classes ``(num,)`` as protocols take them."""
    return Vectors(Part(lambda: test_x, test_y), Part(lambda: train_x, train_y))


def validated(train: Part | None) -> tuple[Part | None, Part | None]:
    """Returns training and validation samples: of samples with numbers every fifth validates."""
    if train is None or train.numbers is None:
        return train, None
    held = torch.arange(len(train.numbers)) % 5 == 0
    return train.rows(~held), train.rows(held)
