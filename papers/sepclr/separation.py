"""What the common and the salient code of target images know, and what they should not know."""

from typing import Any

from common.evaluation.factors import probe_parts
from papers.sepclr.config import SeparationConfig


def evaluate_separation(inputs: Any, settings: SeparationConfig, seed: int) -> dict[str, float]:
    """Returns four accuracies of linear probes in per cent, and their balance ``separation``.

    ``common_top1`` is the common factor's from the common code, ``salient_top1`` the salient
    factor's from the salient code. Less is better of what leaks: ``common_leak`` is the salient
    factor's from the common code, ``salient_leak`` the common factor's from the salient code.
    ``separation`` is the sum of the first two less both leaks, between -200 and 200.

    Args:
        inputs: Of a module with parts ``common`` and ``salient``; of pixels nothing is measured.
        settings: `SeparationConfig`.
        seed: Seed of the order of the probes' batches.
    """
    if inputs.module is None:
        return {}
    accuracy = probe_parts(inputs.features, inputs.module.parts, settings, seed)
    found = {
        "common_top1": accuracy["common", settings.common],
        "common_leak": accuracy["common", settings.salient],
        "salient_top1": accuracy["salient", settings.salient],
        "salient_leak": accuracy["salient", settings.common],
    }
    known = found["common_top1"] + found["salient_top1"]
    return {"separation": known - found["common_leak"] - found["salient_leak"], **found}
