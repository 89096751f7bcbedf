"""The settings of protocols on numbers as labels."""

from dataclasses import dataclass
from typing import ClassVar

from common.evaluation.config import ProtocolConfig
from common.settings import setting


@dataclass
class RegressionProbeConfig(ProtocolConfig):
    """Protocol ``regression-probe``: a linear regressor on standardised frozen features."""

    takes: ClassVar[tuple[str, ...]] = ("number", "vectors")
    needs: ClassVar[tuple[str, ...]] = ("numbers",)
    # ridge: the penalty with the least validation error, then fitted on training and validation
    # samples. adam: as SupReMix's published probe, on training samples.
    solver: str = setting("ridge", choices=("ridge", "adam"))
    alphas: list[float] = setting([0.01, 0.1, 1.0, 10.0, 100.0, 1000.0], above=0)
    # The rest is of `adam`; the published values for AgeDB (for IMDB-WIKI: l1, batches of 32).
    loss: str = setting("mse", choices=("mse", "l1"))
    lr: float = setting(0.1, above=0)
    epochs: int = setting(100, at_least=1)
    batch_size: int = setting(16, at_least=1)
    milestones: list[int] = setting([60, 80], at_least=1)
    # Metrics by how many training samples have the label (Yang et al. 2021).
    shots: bool = False
    many_above: int = setting(100, at_least=1)
    few_below: int = setting(20, at_least=1)
