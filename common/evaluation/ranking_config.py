"""The settings of protocols on sequences."""

from dataclasses import dataclass
from typing import ClassVar

from common.evaluation.config import ProtocolConfig
from common.settings import setting


@dataclass
class RankingConfig(ProtocolConfig):
    """Protocol ``ranking``: the place of a user's next item among all items, by their scores.

    Means over users, from 0 to 1, more is better: the share whose item is among the first k (HR),
    and NDCG and MRR, which count it by its place there.
    """

    takes: ClassVar[tuple[str, ...]] = ("sequences",)
    cutoffs: list[int] = setting([5, 10, 20], at_least=1)
    # Leaves out what the user met before: higher figures, not comparable with the papers'.
    mask_history: bool = False
    sampled_negatives: int | None = setting(None, at_least=1)  # adds sampled_hr@k and the like
    # Users scored at once.
    chunk: int = setting(128, at_least=1, result_neutral=True)
