"""The settings of the protocol ``finetune``."""

from dataclasses import dataclass, field

from common.errors import ConfigError
from common.evaluation.config import Measure, ProtocolConfig
from common.evaluation.crop import CropConfig
from common.settings import setting


@dataclass
class FinetuneConfig(ProtocolConfig):
    """Protocol ``finetune``; the defaults are SwAV's (official readme and eval_semisup.py)."""

    # Per cent of the labels; one fine-tuning of its own for each.
    shares: list[float] = setting([1.0, 10.0], above=0, at_most=100)
    # For each share, the rates of the network and of the new classifier.
    trunk_lr: list[float] = setting([0.02, 0.01], at_least=0)
    head_lr: list[float] = setting([5.0, 0.2], above=0)
    # For each share a file of image names, in the data root (SimCLR's 1percent.txt and
    # 10percent.txt for ImageNet); empty: drawn by seed, the same share of each class.
    lists: list[str] = setting([], names_file=True)
    epochs: int = setting(20, at_least=1)
    batch_size: int = setting(256, at_least=2)
    momentum: float = setting(0.9, at_least=0, below=1)
    weight_decay: float = setting(0.0, at_least=0)
    # Both rates are multiplied by `decay` after each of these epochs.
    milestones: list[int] = setting([12, 16], at_least=1)
    decay: float = setting(0.2, above=0)
    crop: CropConfig = field(default_factory=CropConfig)

    def __post_init__(self) -> None:
        """Raises `ConfigError` unless each share has its rates and its list."""
        for name in ("trunk_lr", "head_lr", "lists"):
            given = len(getattr(self, name))
            if given != len(self.shares) and (given or name != "lists"):
                raise ConfigError(
                    f"evaluation.finetune.{name}: {given} values for {len(self.shares)} shares"
                )

    def function(self) -> Measure:
        """Returns `evaluate_finetune`."""
        from common.evaluation.finetune import evaluate_finetune

        return evaluate_finetune
