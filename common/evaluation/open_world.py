"""Protocols on known and novel classes: what heads name and find, and what k-means finds."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from common.data.open_world.samples import Part
from common.evaluation.config import FeatureClustersConfig
from common.evaluation.finite import require_finite
from common.evaluation.frozen import evaluating
from common.evaluation.open_world_metrics import Labels, open_world_metrics
from common.evaluation.scores import keep, keep_clusters
from common.losses.precision import wide

CHUNK = 128


class OpenWorldInputs:
    """Tested pictures and a module or none; each of its outputs is computed once, on first use.

    Args:
        part: What is measured.
        num_known: Classes below this number are known.
        prepare: Makes of stored pictures what the module takes.
        module: Has ``embed`` and ``predict``; None: pixels are the features, and there is no head.
    """

    def __init__(
        self,
        part: Part,
        num_known: int,
        prepare: Callable[[Tensor], Tensor],
        module: nn.Module | None = None,
    ) -> None:
        self.part, self.num_known, self.prepare, self.module = part, num_known, prepare, module

    @property
    def truth(self) -> Labels:
        """True classes."""
        return self.part.labels.numpy()

    @cached_property
    def features(self) -> Tensor:
        """Frozen features ``(num, dim)`` on the CPU."""
        return self._map("embed") if self.module else self._map(None)

    @cached_property
    def logits(self) -> Tensor:
        """Scores of all heads, ``(num, heads)`` on the CPU."""
        return self._map("predict")

    @torch.no_grad()
    def _map(self, verb: str | None) -> Tensor:
        rows = torch.arange(len(self.part.labels)).split(CHUNK)
        if self.module is None or verb is None:
            return torch.cat([self.prepare(self.part.pictures[r]).flatten(1) for r in rows])
        device = next(self.module.parameters()).device
        function = getattr(self.module, verb)
        with evaluating(self.module):
            parts = [
                wide(function(self.prepare(self.part.pictures[r].to(device)))).cpu() for r in rows
            ]
        return require_finite(torch.cat(parts), f"what the module's {verb} returns")


def evaluate_heads(inputs: OpenWorldInputs, settings: None, seed: int) -> dict[str, float]:
    """Returns accuracy, NMI and ARI of all, known and novel rows, times 100 (OW-DFA, section 6).

    Also ``uncertainty``, 100 less the mean confidence, and ``heads_used``, how many heads are
    anybody's argmax. Without heads there is nothing.
    """
    if inputs.module is None:
        return {}
    keep("head-clusters", inputs.logits)
    confidence, guess = inputs.logits.softmax(dim=1).max(dim=1)
    found = open_world_metrics(inputs.truth, guess.numpy(), inputs.num_known)
    metrics = {name: 100 * value for name, value in found.items()}
    metrics["uncertainty"] = 100 * (1 - float(confidence.double().mean()))
    return metrics | {"heads_used": float(len(np.unique(guess.numpy())))}


def evaluate_feature_clusters(
    inputs: OpenWorldInputs, settings: FeatureClustersConfig, seed: int
) -> dict[str, float]:
    """Returns accuracy by Hungarian matching, NMI and ARI of k-means on features, times 100.

    Args:
        inputs: All tested pictures are clustered; k is the number of their classes.
        settings: Starts; the one with the least inertia counts.
        seed: Of the starts.
    """
    truth = inputs.truth
    # Threads that wait for each other would cost more than they save.
    with threadpool_limits(1):
        means = KMeans(len(np.unique(truth)), n_init=settings.starts, random_state=seed)
        guess = means.fit_predict(wide(inputs.features).numpy()).astype(np.int64)
    keep_clusters("feature-clusters", means)
    found = open_world_metrics(truth, guess, num_known=0)
    return {f"kmeans_{name}": 100 * found[f"all_{name}"] for name in ("acc", "nmi", "ari")}
