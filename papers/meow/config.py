"""The ``method:`` section of MEOW; defaults are the official ACM values (utils/params.py)."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.methods.config import check_constant_rate
from common.settings import setting


@dataclass
class MEOWConfig:
    """MEOW and, with ``model: adameow``, its extension with learned soft weights."""

    model: str = setting("meow", choices=("meow", "adameow"))
    dim: int = setting(64, at_least=1)
    # Width of the space that is contrasted; null: dim. AdaMEOW has 16 on AMiner.
    projection_dim: int | None = setting(None, at_least=1)
    temperature: float = setting(0.4, above=0)
    dropout: float = setting(0.2, at_least=0, below=1)
    # Cluster numbers of the k-means runs inside each step.
    num_clusters: list[int] = setting([100, 300], at_least=2)
    # faiss settings of module/cluster.py.
    kmeans_iterations: int = setting(20, at_least=1)
    kmeans_restarts: int = setting(5, at_least=1)
    # hard: how many clusterings separate the pair (module/contrast.py); uniform: plain InfoNCE.
    weights: str = setting("hard", choices=("hard", "uniform"))
    # lam_proto; 0 leaves the prototypes out.
    prototype_weight: float = setting(1.0, at_least=0)
    # False: every view sees the target nodes' own features only (ablation).
    contexts: bool = True
    # Hidden width of AdaMEOW's weight network.
    soft_weight_dim: int = setting(16, at_least=1)

    def check(self, recipe: Any) -> None:
        """Refuses what this paper does not have; raises `ConfigError`."""
        check_constant_rate(recipe)
        if recipe.trainer.precision != "32-true":
            raise ConfigError("trainer.precision: sparse graph products need 32-true")
