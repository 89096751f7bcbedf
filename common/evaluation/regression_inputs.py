"""What protocols on numbers as labels are given: samples, and what turns them into features."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.evaluation.frozen import require_finite
from common.evaluation.vectors import Part, Vectors

CHUNK = 1024


class Samples(NamedTuple):
    """``inputs``: (num, ...) float32, or uint8 images; ``targets``: (num,) in label units."""

    inputs: Tensor
    targets: Tensor


class ProbeSet(NamedTuple):
    """Features ``(num, dim)`` and labels ``(num,)`` in float64."""

    x: Tensor
    y: Tensor


class RegressionInputs:
    """Samples of the splits "train", "val" and "test", and a module or none.

    Made for one evaluation of the module as it stands: training on makes the features stale.

    Args:
        parts: The samples of each split; "test" is what is measured.
        module: Has ``embed``, and perhaps ``predict`` and ``project``; None: the inputs themselves
            are the features.
        trees: No features, but the predictions of gradient-boosted trees on the inputs.
        prepare: Makes of a chunk of inputs what the module takes.
        counted: Labels ``(num,)`` whose numbers tell shot groups; None: those of "train".
    """

    def __init__(
        self,
        parts: Mapping[str, Samples],
        module: nn.Module | None = None,
        trees: bool = False,
        prepare: Callable[[Tensor], Tensor] | None = None,
        counted: Tensor | None = None,
    ) -> None:
        self.parts, self.module, self.trees = parts, module, trees
        self.prepare = prepare or torch.Tensor.float
        self._counted = counted
        self._features: dict[str, Tensor] = {}

    @classmethod
    def of(cls, vectors: Vectors) -> "RegressionInputs":
        """Returns vectors with numbers as samples that are their own features."""
        parts = {"train": vectors.train, "val": vectors.val, "test": vectors.test}
        samples = {}
        for name, part in parts.items():
            assert part is not None and part.numbers is not None  # the protocol says that it needs
            samples[name] = Samples(part.x, part.numbers)
        return cls(samples)

    @property
    def vectors(self) -> Vectors | None:
        """Frozen features of the splits; trees have none."""
        if self.trees:
            return None
        parts = {
            name: Part(partial(self.features, name), numbers=part.targets)
            for name, part in self.parts.items()
        }
        return Vectors(parts["test"], parts["train"], parts["val"], learnt=self.module is not None)

    def features(self, name: str) -> Tensor:
        """Returns the frozen features of a split, ``(num, dim)`` in float64 on the CPU."""
        if name not in self._features:
            self._features[name] = self.map("embed", name) if self.module else self.raw(name)
        return self._features[name]

    def counted_labels(self) -> Tensor:
        """Returns the labels whose numbers tell shot groups, ``(num,)``."""
        return self.parts["train"].targets if self._counted is None else self._counted

    def raw(self, name: str) -> Tensor:
        """Returns the inputs of a split as vectors, in float64."""
        return self.prepare(self.parts[name].inputs).flatten(1).double()

    def probe_set(self, name: str) -> ProbeSet:
        """Returns features and labels of a split."""
        return ProbeSet(self.features(name), self.parts[name].targets.double())

    @torch.no_grad()
    def map(self, verb: str, name: str) -> Tensor:
        """Returns ``module.<verb>`` of a split's inputs, in evaluation mode, on the CPU.

        Raises:
            LikewiseError: It is not finite.
        """
        assert self.module is not None
        device = next(self.module.parameters()).device
        with evaluating(self.module):
            function: Any = getattr(self.module, verb)
            chunks = self.parts[name].inputs.split(CHUNK)
            parts = [function(self.prepare(part.to(device))).double().cpu() for part in chunks]
        return require_finite(torch.cat(parts), f"what the module's {verb} returns")

    def own_output(self, seed: int) -> Tensor | None:
        """Returns predictions ``(num_test,)`` that need no probe, or None if there are none."""
        if self.trees:
            return self._tree_output(seed)
        return self.map("predict", "test") if hasattr(self.module, "predict") else None

    def _tree_output(self, seed: int) -> Tensor:
        """Fits scikit-learn's histogram gradient boosting, with its defaults, on train and val."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        fitted = [(self.raw(name), self.parts[name].targets.double()) for name in ("train", "val")]
        x, y = (torch.cat(part).numpy() for part in zip(*fitted, strict=True))
        with threadpool_limits(torch.get_num_threads()):  # of what has just been imported
            trees = HistGradientBoostingRegressor(random_state=seed).fit(x, y)
        return torch.from_numpy(trees.predict(self.raw("test").numpy()))
