"""The settings of protocols on graphs."""

from dataclasses import dataclass
from typing import ClassVar

from common.evaluation.config import ProtocolConfig
from common.settings import setting


@dataclass
class NodeProbeConfig(ProtocolConfig):
    """Linear probes on node embeddings; the defaults are MEOW's on ACM (utils/evaluate.py)."""

    takes: ClassVar[tuple[str, ...]] = ("graphs",)
    needs: ClassVar[tuple[str, ...]] = ("training classes",)
    lr: float = setting(0.03, above=0)
    weight_decay: float = setting(0.0, at_least=0)
    iterations: int = setting(200, at_least=1)
    probes: int = setting(50, at_least=1)
    # Measure a pass with dropout active too, as the official code does (keys active_*).
    dropout_active: bool = True


@dataclass
class ClusteringConfig(ProtocolConfig):
    """Protocol ``clustering``: k-means, unscaled; the defaults are MEOW's (utils/evaluate.py)."""

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("classes",)
    fits: int = setting(10, at_least=1)
    # scikit-learn's default in the official environment (1.1.1); from 1.4 on its default is 1.
    starts: int = setting(10, at_least=1)
    # Measure a pass with dropout active too, as the official code does (keys active_*).
    dropout_active: bool = True
