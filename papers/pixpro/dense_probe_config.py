"""The settings of the protocol ``dense-probe``."""

from dataclasses import dataclass
from typing import Any, ClassVar

from common.evaluation.config import ProtocolConfig
from common.settings import setting


@dataclass
class DenseProbeConfig(ProtocolConfig):
    """Protocol ``dense-probe``: a 1x1 convolution on frozen maps, Adam."""

    needs_labels: ClassVar[bool] = False
    epochs: int = setting(20, at_least=1)
    # Images, each with all its cells.
    batch_size: int = setting(16, at_least=1)
    lr: float = setting(0.01, above=0)
    weight_decay: float = setting(0.0, at_least=0)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `DataError` unless the images have classes of pixels."""
        for part in inputs.dense_pair:
            _ = part.label_maps
