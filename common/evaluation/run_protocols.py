"""Runs evaluation protocols on what a data module prepares for them."""

from typing import Any

import torch
from threadpoolctl import threadpool_limits

from common.evaluation.config import EvaluationConfig, handed


def run_protocols(
    names: list[str], inputs: Any, config: EvaluationConfig, seed: int, prefix: str
) -> dict[str, float]:
    """Returns ``{prefix + metric: value}`` of every protocol in ``names``.

    Args:
        names: Protocols that ``config`` has a section of.
        inputs: What the data's ``evaluation_inputs`` returned, or `Vectors`.
        config: Holds the settings of each protocol under its own name.
        seed: Seeds the protocols' own generators.
        prefix: Such as ``test/``.
    """
    metrics: dict[str, float] = {}
    for name in names:
        settings = config.settings(name)
        if (given := handed(settings, inputs)) is None:
            continue
        measure = config.function(name)  # imports what it computes with, whose threads are limited
        # On as many threads as torch, so that a run equals itself on other machines.
        with torch.no_grad(), threadpool_limits(torch.get_num_threads()):
            values = measure(given, settings, seed)
        metrics.update({prefix + key: float(value) for key, value in values.items()})
    return metrics
