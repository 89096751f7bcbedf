"""The settings of the protocol ``text-transfer``."""

from dataclasses import dataclass, field
from typing import Any

from common.errors import ConfigError, suggest
from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting

ADAPTERS = ["none", "noise", "mean-shift", "random-shift", "covariance", "linear"]


@dataclass
class TextTransferConfig(ProtocolConfig):
    """Protocol ``text-transfer``: a classifier learns from texts and is tested on images.

    The adapters are those of CLOSE (arXiv 2211.09778); noise is added while it learns, alone.
    """

    adapters: list[str] = field(default_factory=lambda: ["none", "noise", "mean-shift"])
    # The deviation of each coordinate. CLOSE's code: 0.04 for questions and several captions of an
    # image, 0.08 for entailment, 0.12 for a single caption.
    noise: float = setting(0.08, at_least=0)
    # The length of the random shift, a control of the mean shift.
    shift: float = setting(0.2, at_least=0)
    # How often the noise of `covariance` counts, and the deviation of what is added to it.
    covariance_factor: float = setting(3.0, at_least=0)
    covariance_noise: float = setting(0.0, at_least=0)
    # So many noisy copies of each text are learnt from.
    copies: int = setting(5, at_least=1)
    # The inverse penalty of the classifier, a multinomial logistic regression.
    c: float = setting(1.0, above=0)

    def __post_init__(self) -> None:
        """Raises `ConfigError` for an adapter that is not known."""
        for name in self.adapters:
            if name not in ADAPTERS:
                hint = suggest(name, ADAPTERS)
                raise ConfigError(f"evaluation.text_transfer.adapters: unknown {name!r}{hint}")

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where the data have no training pairs with classes."""
        from common.evaluation.pair_inputs import require

        train = require(inputs.train, "text-transfer", "training pairs")
        for labels in (train.labels, inputs.labels):
            require(labels, "text-transfer", "a class of each pair")

    def function(self) -> Measure:
        """Returns `evaluate_text_transfer`."""
        from common.evaluation.text_transfer import evaluate_text_transfer

        return evaluate_text_transfer
