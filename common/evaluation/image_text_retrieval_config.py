"""The settings of the protocol ``image-text-retrieval``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class ImageTextRetrievalConfig(ProtocolConfig):
    """Protocol ``image-text-retrieval``: captions found by their image, images by a caption."""

    cutoffs: list[int] = setting([1, 5, 10], at_least=1)
    # Queries compared at once.
    chunk: int = setting(256, at_least=1, result_neutral=True)

    def function(self) -> Measure:
        """Returns `evaluate_image_text_retrieval`."""
        from common.evaluation.image_text_retrieval import evaluate_image_text_retrieval

        return evaluate_image_text_retrieval
