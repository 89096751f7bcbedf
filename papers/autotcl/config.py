"""The ``method:`` sections of AutoTCL and of TS2Vec, its baseline. Imports no torch.

"code" is the authors' repository; defaults are its preset for ETTh1, univariate. The published
code reads some settings that it never hands on; here they work, with what was in force for a
default.
"""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.evaluation.series_config import LONG, require_kind
from common.methods.config import check_constant_rate
from common.settings import setting

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
CONSISTENCY_STEPS = 5
STEP_MASKS = ("all", "binomial", "continuous", "last")


@dataclass
class AutoTCLConfig:
    """AutoTCL's own settings."""

    # Encoder. Code: always these; the presets' depth and dropout never reach it.
    hidden_dim: int = setting(64, at_least=1)
    depth: int = setting(10, at_least=0)
    output_dim: int = setting(320, at_least=1)
    # For the causal convolutions that are averaged at the end; empty: none.
    lengths: list[int] = setting(list(LENGTHS), at_least=1)
    dropout: float = setting(0.0, at_least=0, below=1)
    # Steps that the encoder sees in training after its linear layer (code: all, whatever is set).
    step_mask: str = setting("all", choices=STEP_MASKS)
    # Augmenter: the same network, smaller. Code: always depth 3.
    augmenter_hidden_dim: int = setting(64, at_least=1)
    augmenter_depth: int = setting(3, at_least=0)
    augmenter_dim: int = setting(16, at_least=1)
    augmenter_lengths: list[int] = setting(list(LENGTHS), at_least=1)
    augmenter_dropout: float = setting(0.0, at_least=0, below=1)
    augmenter_step_mask: str = setting("all", choices=STEP_MASKS)
    # One mask and one scale for all channels of a step (the code's class) or one each (its script).
    shared_mask: bool = False
    # Initial bias of the mask's head; null: torch's (code: never set). From 17 on the sigmoid after
    # it is 1 in float32 and its gradient 0: the mask could not learn.
    mask_bias: float | None = setting(None, at_least=-16, at_most=16)
    # Gate: stretched to (-gamma, 1); uniform draws kept within [bias, 1 - bias].
    gamma: float = setting(0.05, at_least=0)
    gate_bias: float = setting(0.05, above=0, below=0.5)
    hard_gate: bool = True
    # What the gate is given: the score h after its sigmoid (code), or before it. After it, hardly
    # anything but noise closes the gate.
    gate_input: str = setting("score", choices=("score", "logit"))
    # learned: the augmenter's. Else a fixed augmentation, and no augmenter is trained: noise on
    # the values, steps left out at random, or the truth of a generated series.
    # open: the augmenter's with its gate fixed open, so that only the scale g is learnt.
    view: str = setting("learned", choices=("learned", "open", "jitter", "step-mask", "true-mask"))
    jitter: float = setting(0.3, at_least=0)
    masked_share: float = setting(0.3, above=0, below=1)
    # pri: mmd and mask size (code). adversarial: the negative of the global contrast (code).
    objective: str = setting("pri", choices=("pri", "adversarial"))
    # Where series and views are compared: before the causal average (code, in effect) or after.
    mmd_features: str = setting("trunk", choices=("trunk", "output"))
    # Of the mask's size and of its consistency over time, in the augmenter's loss.
    mask_weight: float = setting(0.003, at_least=0)
    consistency_weight: float = setting(0.0, at_least=0)
    # The augmenter's AdamW; the encoder's is `optimizer.lr`.
    augmenter_lr: float = setting(0.01, above=0)
    # The augmenter learns in one of so many iterations, the encoder in each.
    update_ratio: int = setting(1, at_least=1)
    temperature: float = setting(1.0, above=0)
    # For the contrast of neighbouring segments; code: of the first series of a batch alone.
    local_weight: float = setting(0.3, at_least=0)
    local_series: str = setting("first", choices=("first", "all"))
    segments: int = setting(16, at_least=4)

    def check(self, recipe: Any) -> None:
        """Refuses what cannot be; raises `ConfigError`."""
        check_constant_rate(recipe)
        generated = recipe.data.name.startswith("seasons")
        if self.view == "true-mask" and not generated:
            raise ConfigError(
                f"method.view=true-mask: which steps of {recipe.data.name} are informative is not "
                "known; use a generated series (data.name=seasons-loud)"
            )
        self.check_length(recipe.data.length)

    def check_length(self, steps: int) -> None:
        """Raises `ConfigError` for training series of ``steps`` that a loss is not defined on."""
        if self.consistency_weight:
            check_steps("method.consistency_weight", steps, CONSISTENCY_STEPS)
        if self.local_weight:
            what = f"method.local_weight={self.local_weight}, method.segments={self.segments}"
            check_steps(what, steps, self.segments)


@dataclass
class TS2VecConfig:
    """TS2Vec (arXiv 2106.10466) as the baseline, its authors' values."""

    hidden_dim: int = setting(64, at_least=1)
    depth: int = setting(10, at_least=0)
    output_dim: int = setting(320, at_least=1)
    dropout: float = setting(0.1, at_least=0, below=1)
    # Steps that an encoder in training sees after its linear layer.
    step_mask: str = setting("binomial", choices=STEP_MASKS)
    # Weight of the contrast of series; one minus it of the contrast of steps.
    alpha: float = setting(0.5, at_least=0, at_most=1)
    # The first resolution with a contrast of steps.
    temporal_from: int = setting(0, at_least=0)

    def check(self, recipe: Any) -> None:
        """Refuses what cannot be; raises `ConfigError`."""
        check_constant_rate(recipe)
        if str(recipe.trainer.devices) != "1" or recipe.trainer.nodes > 1:
            raise ConfigError(
                "trainer.devices: the ts2vec baseline contrasts the series of one process; use 1"
            )
        what = f"method.temporal_from={self.temporal_from}, two overlapping crops,"
        check_steps(what, recipe.data.length, 2 ** (self.temporal_from + 2))


def check_steps(what: str, steps: int, least: int) -> None:
    """Raises `ConfigError` for training series too short: ``data.length``, or the data's own."""
    if steps < least:
        raise ConfigError(
            f"{what} needs {least} steps; training series have {steps} (data.length, or their own)"
        )


@dataclass
class MaskAgreementConfig(ProtocolConfig):
    """Protocol ``mask-agreement``: a mask's score against the truth of a generated series."""

    # Steps that the comparison, the size of the values, is averaged over.
    neighbours: int = setting(9, at_least=1)

    def __post_init__(self) -> None:
        """Raises `ConfigError` for an even number, which has no middle."""
        if self.neighbours % 2 == 0:
            raise ConfigError(
                f"evaluation.mask_agreement.neighbours: {self.neighbours} must be odd"
            )

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for short series."""
        require_kind(inputs, LONG, "mask-agreement")
