"""How evenly directions are used: 1 minus the mean cosine of vectors, or of tokens."""

import torch
from torch import Tensor

from common.evaluation.scores import keep
from common.evaluation.text_config import IsotropyConfig
from common.evaluation.vectors import Vectors
from common.losses.precision import unit


def evaluate_isotropy(inputs: Vectors, settings: IsotropyConfig, seed: int) -> dict[str, float]:
    """Returns ``isotropy``, of partners too, as ``text_isotropy`` where they are texts.

    Where samples are sentences theirs is ``sentence_isotropy``, and ``isotropy`` that of tokens
    within texts, of which a reference has no states.

    Args:
        inputs: Vectors.
        settings: How many texts, and which tokens.
        seed: Not used.
    """
    kind = "sentence_isotropy" if inputs.sentences else "isotropy"
    found = {f"{side}{kind}": vector_isotropy(x) for side, x in inputs.sides().items()}
    if inputs.states is None:
        return found
    sums, pairs = [], []
    for states, mask in inputs.states(settings.max_texts):
        kept = mask if settings.special_tokens else without_ends(mask)
        total, count = pair_cosines(states, kept)
        sums.append(total.cpu())
        pairs.append(count.cpu())
    keep("isotropy", torch.cat(sums))
    return {"isotropy": isotropy(torch.cat(sums), torch.cat(pairs)).item()} | found


def vector_isotropy(vectors: Tensor) -> float:
    """Returns 1 minus the mean cosine of different rows of ``(num, dim)``."""
    everywhere = torch.ones(1, len(vectors), dtype=torch.bool)
    return isotropy(*pair_cosines(vectors[None], everywhere)).item()


def pair_cosines(states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the sum of cosines over ordered pairs of different tokens, and their number.

    Args:
        states: ``(texts, tokens, dim)``.
        mask: ``(texts, tokens)``, true at the tokens that count.

    Returns:
        Both ``(texts,)``.
    """
    u = unit(states) * mask[..., None]
    count = mask.sum(1)
    # The square of the sum holds each token's cosine with itself, too.
    return u.sum(1).square().sum(1) - u.square().sum((1, 2)), count * (count - 1)


def isotropy(sums: Tensor, pairs: Tensor) -> Tensor:
    """Returns 1 minus the mean over all pairs of all texts: long texts weigh more."""
    return 1 - sums.sum() / pairs.sum()


def without_ends(mask: Tensor) -> Tensor:
    """Returns ``mask (texts, tokens)`` without the first and the last token of each text."""
    kept = mask.clone()
    kept[:, 0] = False
    kept[torch.arange(len(mask)), mask.sum(1) - 1] = False
    return kept
