"""Runs evaluation protocols on what a data module prepares for them."""

from typing import Any

import torch
from threadpoolctl import threadpool_limits

from common.evaluation.config import EvaluationConfig
from common.registry import EVALUATORS


def run_protocols(
    names: list[str], inputs: Any, config: EvaluationConfig, seed: int, prefix: str
) -> dict[str, float]:
    """Returns ``{prefix + metric: value}`` of every protocol in ``names``.

    Inputs with a method ``for_protocol`` choose what each protocol is given; None: it is left out,
    as what needs a module is for a reference that has features only.

    Args:
        names: Protocols of `EVALUATORS`.
        inputs: What the modality's ``evaluation_inputs`` returned.
        config: Holds the settings of each protocol under its own name.
        seed: Seeds the protocols' own generators.
        prefix: Such as ``test/``.
    """
    metrics: dict[str, float] = {}
    for name in names:
        given = inputs.for_protocol(name) if hasattr(inputs, "for_protocol") else inputs
        if given is None:
            continue
        # A protocol with nothing to set has no section.
        settings = getattr(config, name.replace("-", "_"), None)
        evaluator = EVALUATORS.get(name)  # imports what it computes with, whose threads are limited
        # On as many threads as torch, so that a run equals itself on other machines.
        with torch.no_grad(), threadpool_limits(torch.get_num_threads()):
            values = evaluator(given, settings, seed)
        metrics.update({prefix + key: float(value) for key, value in values.items()})
    return metrics
