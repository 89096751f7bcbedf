"""Stochastic views of item sequences, made for a whole batch at once.

Each sequence draws two different operators of crop, mask and reorder (MCLRec section 3; the
ratios are the official code's). Drawing, choosing and applying are three functions, so that the
draws can be keyed by position and the choices can be given.
"""

from typing import NamedTuple

import torch
from torch import Tensor

CROP, MASK, REORDER, NONE = 0, 1, 2, -1
# The ordered pairs of two different operators; one is drawn for each sequence.
OPERATOR_PAIRS = ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))


class ViewRatios(NamedTuple):
    """Share of a sequence that is cropped away, masked, and reordered."""

    crop: float = 0.5
    mask: float = 0.5
    reorder: float = 0.8


class ViewDraws(NamedTuple):
    """Uniform numbers in [0, 1), whatever the lengths.

    ``pair (batch,)``, ``start (batch, 2)`` and ``keys (batch, 2, length)``.
    """

    pair: Tensor
    start: Tensor
    keys: Tensor

    def rows(self, first: int, count: int) -> "ViewDraws":
        """Returns the draws of ``count`` rows from ``first`` on."""
        return ViewDraws(*(draw[first : first + count] for draw in self))

    def to(self, device: torch.device) -> "ViewDraws":
        """Returns the draws on ``device``."""
        return ViewDraws(*(draw.to(device, non_blocking=True) for draw in self))


class ViewChoices(NamedTuple):
    """What happens to each sequence in one view.

    ``operator (batch,)``; the crop's ``start (batch,)`` and how many items it keeps,
    ``kept (batch,)``; ``masked (batch, length)`` tells the masked positions and
    ``order (batch, length)`` gives, for each position after reordering, the position before it.
    """

    operator: Tensor
    start: Tensor
    kept: Tensor
    masked: Tensor
    order: Tensor


def draw_views(batch: int, length: int, generator: torch.Generator) -> ViewDraws:
    """Draws for two views of ``batch`` sequences of at most ``length`` items."""
    options = {"generator": generator, "dtype": torch.float64}
    return ViewDraws(
        torch.rand(batch, **options),  # type: ignore[call-overload]
        torch.rand(batch, 2, **options),  # type: ignore[call-overload]
        torch.rand(batch, 2, length, **options),  # type: ignore[call-overload]
    )


def kept_by_crop(lengths: Tensor, ratio: float) -> Tensor:
    """Returns how many items a crop keeps: floor((1 - ratio) l), which may be 0."""
    return _share(lengths, 1 - ratio)


def choose_view(draws: ViewDraws, view: int, lengths: Tensor, ratios: ViewRatios) -> ViewChoices:
    """Turns draws into choices for view 0 or 1; a sequence of one item is left as it is.

    A crop keeps at least one item: an empty view has no last position to be read at.

    Args:
        draws: Draws of this batch's rows.
        view: Which of the two.
        lengths: ``(batch,)``.
        ratios: Ratios of the operators.
    """
    pairs = torch.tensor(OPERATOR_PAIRS, device=lengths.device)
    operator = pairs[_floor(draws.pair * len(pairs)), view]
    operator = torch.where(lengths > 1, operator, NONE)
    kept = kept_by_crop(lengths, ratios.crop).clamp(min=1)
    window = torch.where(operator == CROP, kept, _share(lengths, ratios.reorder))
    start = _floor(draws.start[:, view] * (lengths - window + 1))
    keys, position = draws.keys[:, view], _positions(draws.keys.shape[2], lengths)
    num_masked = _share(lengths, ratios.mask)
    inside = torch.where(position < lengths[:, None], keys, 2.0)
    masked = inside.argsort(dim=1).argsort(dim=1) < num_masked[:, None]
    order = _shuffle_window(keys, position, start, start + window)
    return ViewChoices(operator, start, kept, masked, order)


def _shuffle_window(keys: Tensor, position: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Returns positions with those from ``start`` to ``end`` in the order of their keys."""
    in_window = (position >= start[:, None]) & (position < end[:, None])
    # Keys below 1 spread over the window only: whoever stands outside keeps its own place.
    place = torch.where(in_window, start[:, None] + keys, position.double())
    return place.argsort(dim=1, stable=True)


def apply_view(items: Tensor, lengths: Tensor, choices: ViewChoices) -> tuple[Tensor, Tensor]:
    """Returns the view ``(batch, length)`` and its lengths ``(batch,)``.

    Masking writes 0, the padding id: there is no token of its own.

    Args:
        items: Right-padded with 0, ``(batch, length)``.
        lengths: ``(batch,)``.
        choices: Choices of each sequence.
    """
    operator = choices.operator[:, None]
    position = _positions(items.shape[1], lengths)
    source = position + choices.start[:, None]
    source = source.clamp(0, items.shape[1] - 1)
    cropped = torch.where(position < choices.kept[:, None], items.gather(1, source), 0)
    reordered = items.gather(1, choices.order)
    view = torch.where(operator == CROP, cropped, items)
    view = torch.where((operator == MASK) & choices.masked, 0, view)
    view = torch.where(operator == REORDER, reordered, view)
    return view, torch.where(choices.operator == CROP, choices.kept, lengths)


def make_sequence_views(
    items: Tensor, lengths: Tensor, draws: ViewDraws, ratios: ViewRatios
) -> tuple[Tensor, Tensor]:
    """Returns both views ``(2, batch, length)`` and their lengths ``(2, batch)``."""
    views = [
        apply_view(items, lengths, choose_view(draws, view, lengths, ratios)) for view in (0, 1)
    ]
    return torch.stack([v for v, _ in views]), torch.stack([length for _, length in views])


def _positions(length: int, like: Tensor) -> Tensor:
    return torch.arange(length, device=like.device).expand(len(like), length)


def _share(lengths: Tensor, ratio: float) -> Tensor:
    # In float32, as the official code multiplies: a fifth of 5 is 1, where float64 has
    # (1 - 0.8) * 5 just below it.
    return _floor(ratio * lengths.float())


def _floor(x: Tensor) -> Tensor:
    return x.floor().long()
