"""The settings of protocols that only measure how vectors lie."""

from dataclasses import dataclass
from typing import ClassVar

from common.evaluation.config import ProtocolConfig


@dataclass
class EffectiveRankConfig(ProtocolConfig):
    """Protocol ``effective-rank``: the entropy of the features' singular values."""

    on_vectors: ClassVar[bool] = True
    # Zero mean and unit deviation first, so that no dimension counts for its scale.
    standardise: bool = True


@dataclass
class RankMeConfig(ProtocolConfig):
    """Protocol ``rankme`` (Garrido et al., arXiv 2210.02885); no settings."""

    on_vectors: ClassVar[bool] = True
