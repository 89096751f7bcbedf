"""The settings of the protocol ``node-probe``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class NodeProbeConfig(ProtocolConfig):
    """Linear probes on node embeddings; the defaults are MEOW's on ACM (utils/evaluate.py)."""

    lr: float = setting(0.03, above=0)
    weight_decay: float = setting(0.0, at_least=0)
    iterations: int = setting(200, at_least=1)
    probes: int = setting(50, at_least=1)
    # Measure a pass with dropout active too, as the official code does (keys active_*).
    dropout_active: bool = True

    def function(self) -> Measure:
        """Returns `evaluate_nodes`."""
        from common.evaluation.node_probe import evaluate_nodes

        return evaluate_nodes
