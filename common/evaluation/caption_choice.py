"""Whether an image is nearer to its caption than to a false one (ARO, arXiv 2210.01936)."""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from common.evaluation.pair_config import CaptionChoiceConfig
from common.evaluation.pair_inputs import FalseCaptions, PairInputs
from common.evaluation.scores import keep

Numbers = NDArray[np.float64]
# The shuffles that ARO's sets of word order set beside a caption, all four at once.
ORDER = (
    "shuffle_nouns_and_adj",
    "shuffle_allbut_nouns_and_adj",
    "shuffle_within_trigrams",
    "shuffle_trigrams",
)
# Exchanged noun phrases and the opposite relation: a caption that is true, too.
PARAPHRASE, INVERSE = "para", "invert"


class ByGroup(NamedTuple):
    """Accuracies of the groups that have cases enough, by number, and their mean."""

    groups: NDArray[np.int64]
    accuracy: Numbers
    macro: float


def evaluate_caption_choice(
    inputs: PairInputs, settings: CaptionChoiceConfig, seed: int
) -> dict[str, float]:
    """Returns ``choice_<kind>`` in per cent and ``choice_<kind>_ties``; 50 is chance.

    With groups, ``choice_<kind>_macro`` is the mean over groups. ``choice_order`` is the share of
    captions that are nearer than each of their word shuffles. ``para_over_invert`` is how often a
    true paraphrase is nearer than the false caption of as many changed words.

    Args:
        inputs: With choices.
        settings: What a tie is and earns.
        seed: Not used: nothing is drawn.
    """
    earn = partial(credit, tie=settings.tie, margin=settings.tie_margin)
    gaps = {kind: _gaps(inputs, choice) for kind, choice in inputs.choices.items()}
    found: dict[str, float] = {}
    for kind, choice in inputs.choices.items():
        keep("caption-choice", gaps[kind])
        if kind == PARAPHRASE:
            continue
        found[f"choice_{kind}"] = _percent(earn(gaps[kind]))
        found[f"choice_{kind}_ties"] = float((np.abs(gaps[kind]) <= settings.tie_margin).sum())
        if choice.groups is not None:
            groups = by_group(earn(gaps[kind]), choice.groups, settings.min_cases)
            found[f"choice_{kind}_macro"] = 100 * groups.macro
    if any(kind in gaps for kind in ORDER):
        found["choice_order"] = _percent(earn(_least_gaps(inputs, gaps)))
    if PARAPHRASE in gaps and INVERSE in gaps:
        # Both are gaps to the same caption's cosine.
        invert, para = (_of_captions(inputs, kind, gaps) for kind in (INVERSE, PARAPHRASE))
        both = ~np.isnan(invert - para)
        found["para_over_invert"] = _percent(earn((invert - para)[both]))
    return found


def credit(gap: Numbers, tie: float, margin: float) -> Numbers:
    """Returns 1 where ``gap (cases,)``, true minus false score, is positive, ``tie`` at a tie."""
    return np.where(np.abs(gap) <= margin, tie, (gap > 0).astype(np.float64))


def by_group(earned: Numbers, groups: NDArray[np.int64], min_cases: int) -> ByGroup:
    """Returns means of ``earned (cases,)`` over groups of ``min_cases`` or more."""
    names, places, counts = np.unique(groups, return_inverse=True, return_counts=True)
    kept = counts >= min_cases
    accuracy = (np.bincount(places, earned) / counts)[kept]
    return ByGroup(names[kept], accuracy, float(accuracy.mean()) if kept.any() else float("nan"))


def _gaps(inputs: PairInputs, choice: FalseCaptions) -> Numbers:
    """Returns by how much each image is nearer to its caption than to the false one."""
    of = torch.from_numpy(choice.of)
    images = inputs.image_vectors()[torch.from_numpy(inputs.owner)[of]]
    true = inputs.text_vectors(inputs.captions)[of]
    false = inputs.text_vectors(choice.texts)
    gaps: Numbers = ((images * true).sum(1) - (images * false).sum(1)).double().numpy()
    return gaps


def _least_gaps(inputs: PairInputs, gaps: dict[str, Numbers]) -> Numbers:
    """Returns each caption's smallest gap to its word shuffles, of captions that have one."""
    kinds = [kind for kind in ORDER if kind in gaps]
    of = np.concatenate([inputs.choices[kind].of for kind in kinds])
    captions, places = np.unique(of, return_inverse=True)
    least = np.full(len(captions), np.inf)
    np.minimum.at(least, places, np.concatenate([gaps[kind] for kind in kinds]))
    return least


def _of_captions(inputs: PairInputs, kind: str, gaps: dict[str, Numbers]) -> Numbers:
    """Returns the gap of each caption, NaN where ``kind`` has none for it."""
    found = np.full(len(inputs.captions), np.nan)
    found[inputs.choices[kind].of] = gaps[kind]
    return found


def _percent(earned: Numbers) -> float:
    return 100 * float(earned.mean())
