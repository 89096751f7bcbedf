"""Random step masks: which steps of a series an encoder sees in training (TS2Vec's modes)."""

import torch
from torch import Tensor

# TS2Vec's code: a step is kept with this probability; stretches left out, and their share each.
KEEP = 0.5
STRETCHES, SHARE = 5, 0.1


def draw_keep(mode: str, batch: int, steps: int, generator: torch.Generator) -> Tensor | None:
    """Returns which steps are kept, ``(batch, steps)`` booleans; None: all of them.

    Args:
        mode: ``all``; ``binomial``: each with probability 1/2; ``continuous``: all but five
            stretches of a tenth; ``last``: all but the last.
        batch: Series.
        steps: Steps of each.
        generator: Generator of the draws, on the CPU.
    """
    if mode == "all":
        return None
    if mode == "binomial":
        return torch.rand(batch, steps, generator=generator) < KEEP
    keep = torch.ones(batch, steps, dtype=torch.bool)
    if mode == "last":
        keep[:, -1] = False
        return keep
    length = max(int(SHARE * steps), 1)
    starts = torch.randint(steps - length + 1, (batch, STRETCHES, 1), generator=generator)
    left_out = (starts + torch.arange(length)).flatten(1)
    return keep.scatter(1, left_out, False)
