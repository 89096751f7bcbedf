"""A learning rate that falls by a factor after given epochs, as stages of one training."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from common.config.schema import OptimizerConfig
from common.training.stages import Stage


def rate_stages(rates: OptimizerConfig, drops: Sequence[int], factor: float = 0.1) -> list[Stage]:
    """Returns a stage up to each of ``drops`` and a last one, each at ``factor`` times the rate.

    They differ in nothing else, so that a training needs no `enter_stage`.

    Args:
        rates: Rates of the first stage; its schedule is ``constant``.
        drops: Epochs after which the rate falls, ascending; none: one stage.
        factor: What the rate before is multiplied by.
    """
    lengths = [end - begin for begin, end in pairwise([0, *drops])]
    return [
        Stage(name=f"rate-{number}", epochs=length, rates=replace(rates, lr=rate))
        for number, length in enumerate([*lengths, None])
        for rate in [rates.lr * factor**number]
    ]
