"""The settings of the protocol ``clustering``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class ClusteringConfig(ProtocolConfig):
    """k-means on node embeddings; the defaults are MEOW's (utils/evaluate.py)."""

    fits: int = setting(10, at_least=1)
    # scikit-learn's default in the official environment (1.1.1); from 1.4 on its default is 1.
    starts: int = setting(10, at_least=1)
    # Measure a pass with dropout active too, as the official code does (keys active_*).
    dropout_active: bool = True

    def function(self) -> Measure:
        """Returns `evaluate_clustering`."""
        from common.evaluation.clustering import evaluate_clustering

        return evaluate_clustering
