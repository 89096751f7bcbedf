"""What each unit of an input adds to a score: four attributions that need the score alone.

A unit is a word, an item, a step or a patch. All methods work on the numbers that the encoder
reads, vectors of words and items included, so that they are the same for each modality.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from common.distributed.draws import keyed_generator

# Inputs that are scored at once.
AT_ONCE = 64
# Points of the integral, in the middles of equal parts.
STEPS = 64
# ReAGent's rounds, the share of units that each replaces, and the largest drop: at 1 a logit is
# infinite.
ROUNDS = 256
SHARE = 0.3
LARGEST = 1 - 1e-6


@dataclass(frozen=True)
class Explained:
    """An input in units, and the score that is explained.

    Attributes:
        names: What each unit is called.
        x: The numbers that the encoder reads, of any shape.
        place: The unit of each number of ``x``, the same shape; ``len(names)`` where it is of none.
        blank: What says nothing, the shape of ``x``.
        score: Takes ``(n, *x.shape)`` and returns ``(n,)`` in 0..1, with gradient.
        draw: Takes a generator and a number and returns that many draws of ``x``'s shape, of which
            replaced units are taken.
        says: What the score is, in words.
        words: Whether units are words or items, which are read in a row.
    """

    names: list[str]
    x: Tensor
    place: Tensor
    blank: Tensor
    score: Callable[[Tensor], Tensor]
    draw: Callable[[torch.Generator, int], Tensor]
    says: str
    words: bool = False

    def replaced(self, chosen: Tensor, values: Tensor) -> Tensor:
        """Returns inputs whose ``chosen (n, units)`` have ``values``, ``(n, *x.shape)``."""
        known = torch.nn.functional.pad(chosen, (0, 1))
        return torch.where(known[:, self.place], values, self.x)

    def by_unit(self, values: Tensor) -> Tensor:
        """Returns the sum of ``values``, shaped as ``x``, over each unit, ``(units,)``."""
        sums = values.new_zeros(len(self.names) + 1)
        return sums.index_add(0, self.place.flatten(), values.flatten())[:-1]

    def slopes(self, inputs: Tensor) -> Tensor:
        """Returns the mean gradient of the score over ``inputs (n, *x.shape)``."""
        total = torch.zeros_like(self.x)
        for part in inputs.split(AT_ONCE):
            own = part.detach().requires_grad_()
            total += torch.autograd.grad(self.score(own).sum(), own)[0].sum(0)
        return total / len(inputs)

    @torch.no_grad()
    def drops(self, inputs: Tensor) -> Tensor:
        """Returns how far the score of each of ``inputs`` lies below that of ``x``, ``(n,)``."""
        found = [self.score(part) for part in inputs.split(AT_ONCE)]
        return self.score(self.x[None]) - torch.cat(found)


def leave_one_out(given: Explained) -> Tensor:
    """Returns the drop of the score when each unit alone is blank, ``(units,)``."""
    each = torch.eye(len(given.names), dtype=torch.bool).split(AT_ONCE)
    return torch.cat([given.drops(given.replaced(part, given.blank)) for part in each])


def gradient_x_input(given: Explained) -> Tensor:
    """Returns the gradient times the input, summed over each unit, ``(units,)``."""
    return given.by_unit(given.slopes(given.x[None]) * given.x)


def integrated_gradients(given: Explained) -> Tensor:
    """Returns integrated gradients from the blank input (arXiv 1703.01365, Eq. 1), ``(units,)``.

    Where all numbers belong to units, they sum to the score less that of the blank input.
    """
    blank = torch.where(given.place == len(given.names), given.x, given.blank)
    steps = (torch.arange(STEPS, dtype=given.x.dtype) + 0.5) / STEPS
    path = blank + steps.reshape(-1, *[1] * given.x.ndim) * (given.x - blank)
    return given.by_unit(given.slopes(path) * (given.x - blank))


def reagent(given: Explained, rounds: int = ROUNDS) -> Tensor:
    """Returns ReAGent's importance (arXiv 2402.00794) in a variant of ours, ``(units,)``.

    Each round replaces a random share of the units by draws. The units replaced gain
    ``logit((1 + drop) / 2)`` and the others lose it, as in the paper. The paper explains the next
    word of a language model, draws from another one, and stops when the likeliest words bring the
    word back. An encoder predicts no word: here the score is the encoder's, draws come from the
    data, rounds are fixed, and their mean less that of all units is returned in the place of a
    softmax of their sum, which has the same order.
    """
    generator, total = keyed_generator(0), torch.zeros(len(given.names))
    for start in range(0, rounds, AT_ONCE):
        count = min(AT_ONCE, rounds - start)
        chosen = torch.rand(count, len(given.names), generator=generator) < SHARE
        drops = given.drops(given.replaced(chosen, given.draw(generator, count)))
        # logit((1 + d) / 2) = 2 artanh(d).
        gains = 2 * drops.clamp(-LARGEST, LARGEST).atanh().cpu()
        total = total + (torch.where(chosen, 1.0, -1.0) * gains[:, None]).sum(0)
    return (total - total.mean()) / rounds


METHODS: dict[str, Callable[[Explained], Tensor]] = {
    "leave-one-out": leave_one_out,
    "gradient-x-input": gradient_x_input,
    "integrated-gradients": integrated_gradients,
    "reagent": reagent,
}


def attribute(given: Explained) -> dict[str, Tensor]:
    """Returns each method's attribution, ``(units,)`` by its name."""
    return {name: method(given).detach().cpu() for name, method in METHODS.items()}
