"""How many dimensions vectors use; no label is read and no probe fitted."""

from common.evaluation.config import ProtocolConfig
from common.evaluation.vector_config import EffectiveRankConfig
from common.evaluation.vectors import Vectors, standardised
from common.losses.spread import effective_rank, rank_me


def evaluate_effective_rank(
    inputs: Vectors, settings: EffectiveRankConfig, seed: int
) -> dict[str, float]:
    """Returns ``effective_rank`` of the measured vectors, standardised on the training vectors.

    exp of the entropy of the singular values (Roy and Vetterli 2007): 1 if all lie on a line, the
    number of features if they fill all dimensions alike. It is no measure of quality.

    Args:
        inputs: Vectors; without training vectors they are standardised on themselves.
        settings: `EffectiveRankConfig`.
        seed: Not used: nothing is drawn.
    """
    sides = inputs.sides()
    if settings.standardise:
        own = {} if inputs.train is None else {"": inputs.train.x}
        sides = {side: standardised(x, own.get(side, x)) for side, x in sides.items()}
    return {f"{side}effective_rank": effective_rank(x).item() for side, x in sides.items()}


def evaluate_rank_me(inputs: Vectors, settings: ProtocolConfig, seed: int) -> dict[str, float]:
    """Returns ``rankme`` of the measured vectors as they are (Garrido et al., ICML 2023).

    Args:
        inputs: Vectors.
        settings: None are needed.
        seed: Not used: nothing is drawn.
    """
    return {f"{side}rankme": rank_me(x).item() for side, x in inputs.sides().items()}
