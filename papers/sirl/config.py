"""The ``method:`` sections of SIRL and its rivals, and its protocols' settings. Imports no torch.

Sources: "TS" is a third-party re-implementation (mirandali707/tversky_sirl at 942247d) whose author
had the official code; "MI" a later project of the same group (MIT-CLEAR-Lab/Masked-IRL at b52bc2e).
Neither the paper's text nor its own repository could be read.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError, DataError
from common.evaluation.config import ProtocolConfig
from common.settings import setting

PREFERENCE_LOSSES = ("cross_entropy", "probability")


@dataclass
class EncoderConfig:
    """The encoder, which all arms share: linear layers with ReLU between them."""

    # What is trained on, as `data.samples` has it.
    samples: ClassVar[str] = "queries"

    # TS: two of 1,024 for JacoRobot (appendix A.2.1).
    hidden_dims: list[int] = setting([1024, 1024], at_least=1)
    # TS: 6 for JacoRobot (appendix A.2.1).
    output_dim: int = setting(6, at_least=1)

    def check_facts(self, facts: Any) -> None:
        """Raises `ConfigError` for data whose samples are of another kind."""
        if facts.samples != self.samples:
            raise ConfigError(
                f"data.samples={facts.samples}: this method is trained on {self.samples}; set "
                f"data.samples={self.samples}"
            )


@dataclass
class SIRLConfig(EncoderConfig):
    """SIRL's own settings."""

    # euclidean: TS. squared: the paper's, from memory, UNVERIFIED.
    distance: str = setting("euclidean", choices=("euclidean", "squared"))
    # Both alike trajectories take the anchor's turn (paper's equation 2, by TS). Official code, by
    # TS: only the first one.
    symmetric: bool = True
    # TS.
    margin: float = setting(0.1, above=0)


@dataclass
class VAEConfig(EncoderConfig):
    """A variational auto-encoder of the trajectories; its settings in the paper are unknown."""

    samples: ClassVar[str] = "rows"
    # Beside the sum of squared errors of the reconstruction. Ours.
    kl_weight: float = setting(0.1, at_least=0)


@dataclass
class MultiPreferencesConfig(EncoderConfig):
    """An encoder learnt from the preferences of several persons, each with a head of its own."""

    samples: ClassVar[str] = "preferences"
    # Hidden layers of each person's reward network. Ours, as in `PreferencesConfig`.
    head_dims: list[int] = setting([128, 128], at_least=1)


class NeedsFeatures(ProtocolConfig):
    """A protocol that asks the simulated person, who knows the true features."""

    def check_inputs(self, inputs: Any) -> None:
        """Raises `DataError` where no true features are known."""
        if inputs.features is None:
            raise DataError(
                "data: no true features are known, so that nobody can be simulated; measure "
                "evaluation.protocols=[query-accuracy]"
            )


@dataclass
class PreferencesConfig(NeedsFeatures):
    """Protocol ``preferences``: what a reward network learns of few preferences."""

    # Preferences that the network of each simulated person is trained on. Ours.
    counts: list[int] = setting([20, 100], at_least=1)
    # MI: how sure a person is.
    beta: float = setting(10.0, above=0)
    # False: a copy of the encoder is trained with the reward network, from the input's own values.
    frozen: bool = True
    # TS.
    hidden_dims: list[int] = setting([128, 128], at_least=1)
    lr: float = setting(1e-3, above=0)
    batch_size: int = setting(64, at_least=1)
    # Ours.
    steps: int = setting(500, at_least=1)
    # cross_entropy: the paper's equation 4, by TS. probability: MI's code.
    loss: str = setting("cross_entropy", choices=PREFERENCE_LOSSES)
    # For `probability`; its value is unknown.
    reward_weight: float = setting(0.0, at_least=0)
    # MI: 4,000.
    test_pairs: int = setting(2000, at_least=1)


@dataclass
class FeatureErrorConfig(NeedsFeatures):
    """Protocol ``feature-error``: how well a linear regressor reads the true features."""

    # The penalty of ridge regression, times the number of training rows. Ours.
    alpha: float = setting(1e-3, above=0)


@dataclass
class QueryAccuracyConfig(ProtocolConfig):
    """Protocol ``query-accuracy``: whether the alike pair of a query is the nearest one."""
