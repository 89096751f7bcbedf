"""The ``method:`` section of MoCHi, on that of MoCo v2.

The authors published no code, and the paper could not be opened: equations are those on which two
re-implementations and a survey agree. "Repo D" is davidsvy/hard-negative-mixing at 2955553, "repo
S" is giakoumoglou/synco at 79a9c42.
"""

from dataclasses import dataclass
from typing import Any

from common.data.images.config import ImageFacts
from common.errors import ConfigError
from common.methods.config import MoCoConfig
from common.settings import setting


@dataclass
class MoCHiConfig(MoCoConfig):
    """Defaults: MoCHi (1024, 512, 256) on ImageNet; the numbers are from memory, UNVERIFIED."""

    # N: the nearest keys of each query, from which the mixtures are made.
    num_hard: int = setting(1024, at_least=1)
    # s: mixtures of two of them for each query; 0: none.
    num_key_mixtures: int = setting(512, at_least=0)
    # s': mixtures of one of them with the query, whose share is below one half; 0: none.
    num_query_mixtures: int = setting(256, at_least=0)
    # Plain MoCo for so many epochs (repo S; the paper's own number from memory, UNVERIFIED).
    warmup_epochs: int = setting(10, at_least=0)

    def check(self, recipe: Any) -> None:
        """Checks what depends on other fields, MoCo's own checks included.

        Raises:
            ConfigError: More hard keys than the queue has.
        """
        super().check(recipe)
        if self.num_hard > self.queue_length:
            raise ConfigError(
                f"method.num_hard: {self.num_hard} nearest keys, but method.queue_length="
                f"{self.queue_length}"
            )

    def check_facts(self, facts: ImageFacts) -> None:
        """Raises `ConfigError` if the queue always holds an earlier key of the query's image."""
        if 0 < facts.num_samples <= self.queue_length:
            raise ConfigError(
                f"method.queue_length: {self.queue_length} keys of {facts.num_samples} images hold "
                "each query's own, its hardest; use less"
            )
