"""Settings of the protocol ``effective-rank``. Imports no torch."""

from dataclasses import dataclass


@dataclass
class EffectiveRankConfig:
    """Protocol ``effective-rank``: the entropy of the features' singular values."""

    # Zero mean and unit deviation first, so that no dimension counts for its scale.
    standardise: bool = True
