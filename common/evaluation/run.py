"""Runs evaluation protocols on what a data module prepares for them."""

from typing import Any

import torch

from common.evaluation.config import EvaluationConfig
from common.registry import EVALUATORS


def run_protocols(
    names: list[str], inputs: Any, config: EvaluationConfig, seed: int, prefix: str
) -> dict[str, float]:
    """Returns ``{prefix + metric: value}`` of every protocol in ``names``.

    Args:
        names: Protocols of `EVALUATORS`.
        inputs: What the modality's ``evaluation_inputs`` returned.
        config: Holds the settings of each protocol under its own name.
        seed: Seeds the protocols' own generators.
        prefix: Such as ``test/``.
    """
    metrics: dict[str, float] = {}
    for name in names:
        settings = getattr(config, name.replace("-", "_"))
        with torch.no_grad():
            values = EVALUATORS.get(name)(inputs, settings, seed)
        metrics.update({prefix + key: float(value) for key, value in values.items()})
    return metrics
