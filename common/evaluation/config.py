"""The ``evaluation:`` section: which protocols run when, and the settings of each."""

from dataclasses import dataclass, field

from common.registry import EVALUATORS
from common.settings import setting


@dataclass
class EvaluationConfig:
    """Protocols by name, run at the end (``protocols``) and during training (``online``)."""

    protocols: list[str] = setting([], choices=EVALUATORS)
    online: list[str] = setting([], choices=EVALUATORS)
    every_epochs: int = setting(1, at_least=1)
    # A batch interval instead of every_epochs, for epochs that are long or short.
    every_batches: int | None = setting(None, at_least=1)
    # The key that `select: best` and `patience` watch, such as val/mrr@10 or train/loss.
    monitor: str | None = None
    mode: str = setting("max", choices=("max", "min"))
    # Evaluations without improvement before training stops; null: never.
    patience: int | None = setting(None, at_least=0)
    select: str = setting("last", choices=("last", "best"))
    # Learning-free or untrained encoders measured beside the result.
    references: list[str] = field(default_factory=lambda: ["untrained", "raw"])
