"""Association tests on vectors of words and sentences: effect sizes and permutation tests."""

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.association_words import known_tests
from common.evaluation.scores import keep
from common.evaluation.text_config import AssociationConfig
from common.evaluation.text_inputs import TextInputs, run_encoder
from common.evaluation.tokens import TokenStore, pack_tokens
from common.losses.precision import unit

Splits = NDArray[np.int64]
# Sums of the same numbers in another order differ by less, and count as equal.
SAME = 1e-12


def evaluate_association(
    inputs: TextInputs, settings: AssociationConfig, seed: int
) -> dict[str, float]:
    """Returns effect size, p and p corrected for the number of tests (Holm), for each test.

    The effect size tells how much nearer the first list lies to the words it is held against than
    the second one, in standard deviations: -2 to 2, 0 is no difference. p is from 0 to 1; neither
    is a score.

    A reference that learns nothing is not measured.

    Args:
        inputs: Only its encoder is used.
        settings: Tests, level and how p is found.
        seed: Seed of the splits that are drawn.
    """
    if inputs.module is None:
        return {}
    tests, _ = known_tests(inputs, settings.tests)
    effects, values = {}, {}
    for name, test in tests.items():
        sets = test.first, test.second, test.toward, test.away
        vectors = [word_vectors(inputs, words, test.templates, settings) for words in sets]
        s = associations(*vectors)
        keep(f"association {name}", s)
        splits = all_halves(len(s), settings.splits)
        if splits is None:
            splits = draw_halves(len(s), settings.splits - 1, seed)
        effects[name], values[name] = effect_size(s), p_value(s, splits, settings.p_value)
    corrected = holm(list(values.values()))
    found: dict[str, float] = {}
    for name, holms in zip(tests, corrected, strict=True):
        key = f"association_{name}"
        found |= {f"{key}_effect": effects[name], f"{key}_p": values[name], f"{key}_p_holm": holms}
    return found


def word_vectors(
    inputs: TextInputs, words: Sequence[str], templates: Sequence[str], settings: AssociationConfig
) -> Tensor:
    """Returns the vectors of all words, in each template unless words stand alone.

    Returns:
        ``(words, dim)``, or ``(words * templates, dim)``; each different text counts once.
    """
    if settings.level == "word":
        return inputs.embed(inputs.encode(list(dict.fromkeys(words))))
    before = {t.format(word): t.split("{}")[0].rstrip() for word in words for t in templates}
    store = inputs.encode(list(before))
    if settings.level == "sentence":
        return inputs.embed(store)
    if settings.drop_last_token:
        texts = [
            store.ids[a : b - 1] for a, b in zip(store.offsets, store.offsets[1:], strict=False)
        ]
        store = pack_tokens([text.tolist() for text in texts], store.pad)
    # What stands before a word is between the first and the last token when encoded alone.
    places = inputs.encode(list(before.values())).lengths - 1
    return states_at(inputs, store, places)


def states_at(inputs: TextInputs, store: TokenStore, places: NDArray[np.int64]) -> Tensor:
    """Returns the last state at one place of each text, ``(texts, dim)`` on the CPU."""
    found, order = [], []
    for rows, hidden, _ in run_encoder(inputs.module, store):
        here = torch.from_numpy(places[rows]).to(hidden[-1].device)
        found.append(hidden[-1][torch.arange(len(rows)), here].cpu())
        order.append(rows)
    return torch.cat(found)[np.argsort(np.concatenate(order))]


def associations(first: Tensor, second: Tensor, toward: Tensor, away: Tensor) -> Tensor:
    """Returns the mean cosine with ``toward`` minus that with ``away``, ``(first + second,)``.

    Args:
        first: ``(n, dim)``.
        second: ``(n, dim)``.
        toward: Attributes, ``(any number, dim)``.
        away: The same.
    """
    words = unit(torch.cat([first, second]))
    return (words @ unit(toward).T).mean(1) - (words @ unit(away).T).mean(1)


def effect_size(s: Tensor) -> float:
    """Returns the difference of both halves' means over the deviation of all ``s (2 n,)``."""
    first, second = s.chunk(2)
    difference = float(first.mean() - second.mean())
    return difference / float(s.std()) if difference else 0.0


def p_value(
    s: Tensor, splits: Splits, kind: str = "permutation", drawn: bool | None = None
) -> float:
    """Returns how often a split's first half has a sum as high as the observed one.

    Args:
        s: ``(2 n,)``.
        splits: Rows of the first half of each split, ``(splits, n)``.
        kind: ``permutation``, or ``normal`` for the tail of a normal distribution that is fitted to
            the differences of both halves' sums.
        drawn: Whether the observed split is counted beside ``splits``; None: unless they are all.
    """
    values = s.double().numpy()
    half = len(values) // 2
    sums, observed = values[splits].sum(1), values[:half].sum()
    if kind == "normal":
        differences = 2 * sums - values.sum()
        own = 2 * observed - values.sum()
        return float(norm.sf(own, differences.mean(), differences.std(ddof=1)))
    extra = len(splits) != comb(len(values), half) if drawn is None else drawn
    as_high = int((sums >= observed - SAME * np.abs(values).sum()).sum())
    return (as_high + extra) / (len(splits) + extra)


def all_halves(count: int, most: int) -> Splits | None:
    """Returns the first halves of all splits of ``count`` rows; None if there are over ``most``."""
    if comb(count, count // 2) > most:
        return None
    return np.array(list(combinations(range(count), count // 2)))


def draw_halves(count: int, splits: int, seed: int) -> Splits:
    """Returns the first halves of random splits, ``(splits, count // 2)``."""
    draws = torch.rand(splits, count, generator=keyed_generator(seed), dtype=torch.float64)
    return draws.argsort(1)[:, : count // 2].numpy()


def holm(values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number, in their order (Holm 1979)."""
    order = np.argsort(values, kind="stable")
    steps = np.array(values)[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()
