"""How many dimensions the features use; no label is read and no probe fitted."""

from common.evaluation.features import HasFeatures
from common.training.diagnostics import effective_rank
from papers.hydra.config import EffectiveRankConfig


def evaluate_effective_rank(
    inputs: HasFeatures, settings: EffectiveRankConfig, seed: int
) -> dict[str, float]:
    """Returns ``effective_rank`` of the tested features, standardised on the training features.

    exp of the entropy of the singular values (Roy and Vetterli 2007): 1 if all lie on a line, the
    number of features if they fill all dimensions alike. It is no measure of quality.

    Args:
        inputs: Features.
        settings: `EffectiveRankConfig`.
        seed: Not used: nothing is drawn.
    """
    features = inputs.features
    features = features.standardised() if settings.standardise else features
    return {"effective_rank": effective_rank(features.test_x).item()}
