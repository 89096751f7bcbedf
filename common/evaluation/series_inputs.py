"""What protocols on series are given, and representations of every step in windows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.evaluation.frozen import require_finite
from common.evaluation.series_config import LABELLED, LONG
from common.evaluation.vectors import Part, Vectors
from common.losses.precision import upcast

WINDOWS_AT_ONCE = 512
SERIES_AT_ONCE = 32


@torch.no_grad()
def encode_windows(
    encode: Callable[[Tensor], Tensor], series: Tensor, window: int, at_once: int = WINDOWS_AT_ONCE
) -> Tensor:
    """Returns ``(instances, steps - window + 1, dim)``: one representation a window.

    Args:
        encode: ``(batch, window, channels)`` to ``(batch, dim)``, of the last step of each.
        series: ``(instances, steps, channels)``; no window reaches beyond it, so that a caller who
            wants the first steps too puts padding before them.
        window: Steps that each representation sees.
        at_once: Windows in a batch.
    """
    windows = series.unfold(1, window, 1).transpose(2, 3)
    found = torch.empty(0)
    for number, instance in enumerate(windows):
        for place, part in enumerate(instance.split(at_once)):
            encoded = encode(part.contiguous())
            if number == place == 0:
                # All of it at once: to join parts at the end would hold every number twice.
                found = encoded.new_empty(*windows.shape[:2], encoded.shape[1])
            found[number, place * at_once : place * at_once + len(encoded)] = encoded
    return found


@dataclass(frozen=True)
class SplitSeries:
    """A long series as a network reads it, and where its parts are.

    Attributes:
        inputs: ``(instances, steps, channels)`` float32: calendar, then targets, standardised.
        targets: ``(instances, steps, targets)`` float64, standardised.
        clean: The informative part in the same units, or None.
        informative: ``(steps,)`` booleans, or None.
        parts: Bounds by name.
        names: Names of the targets.
    """

    inputs: Tensor
    targets: Tensor
    clean: Tensor | None
    informative: Tensor | None
    parts: dict[str, tuple[int, int]]
    names: tuple[str, ...]


class ForecastInputs:
    """A long series, its parts "train", "val" and "test", and what makes features of a step.

    Made for one evaluation of the module as it stands.

    Args:
        series: Standardised, with its calendar.
        window: Steps that the features of a step see; the first ``window - 1`` have none.
        module: Has ``embed_last``; None: a reference.
        reference: Without a module: ``lags``, the last raw values and the calendar, or
            ``last-value``, no features but a forecast.
    """

    kind = LONG

    def __init__(
        self,
        series: SplitSeries,
        window: int,
        module: nn.Module | None = None,
        reference: str = "lags",
    ) -> None:
        self.series, self.window = series, window
        self.module, self.reference = module, reference
        self._features: Tensor | None = None

    @property
    def vectors(self) -> Vectors | None:
        """Those of the measured steps, one after the other; what has no features has none."""
        if self.module is None:
            return None
        return Vectors(Part(lambda: self.features("test", 1).flatten(0, 1)))

    def features(self, name: str, lags: int) -> Tensor:
        """Returns ``(instances, steps, dim)`` of a part, on the CPU; a view of all parts'."""
        if self._features is None:
            self._features = self._raw(lags) if self.module is None else self._encoded()
        start, end = self.bounds(name)
        return self._features[:, start - self.window + 1 : end - self.window + 1]

    def bounds(self, name: str) -> tuple[int, int]:
        """Returns first step with features and end of a part."""
        start, end = self.series.parts[name]
        return max(start, self.window - 1), end

    def targets(self, name: str, clean: bool = False) -> Tensor:
        """Returns ``(instances, steps, targets)`` of a part, or of its informative part."""
        start, end = self.bounds(name)
        values = self.series.clean if clean else self.series.targets
        assert values is not None
        return values[:, start:end]

    def _raw(self, lags: int) -> Tensor:
        """The last values of the targets, newest last, and the calendar of the step itself."""
        series, count = self.series, self.series.targets.shape[2]
        known = series.inputs[:, self.window - lags :]
        recent = known[..., -count:].unfold(1, lags, 1).flatten(2)
        return torch.cat([recent, series.inputs[:, self.window - 1 :, :-count]], 2)

    def _encoded(self) -> Tensor:
        module: Any = self.module
        device = next(module.parameters()).device
        with evaluating(module):
            return encode_windows(
                lambda part: require_finite(upcast(module.embed_last(part.to(device))).cpu()),
                self.series.inputs,
                self.window,
            )


class LabelledInputs:
    """Short series with classes, and what makes one vector of each.

    Args:
        x: ``(num, steps, channels)`` of "train" and "test", standardised.
        y: Class numbers.
        lengths: Steps of each series that are not padding.
        module: Has ``embed``; None: the values themselves, in the order of time.
    """

    kind = LABELLED

    def __init__(
        self,
        x: dict[str, Tensor],
        y: dict[str, Tensor],
        lengths: dict[str, Tensor],
        module: nn.Module | None = None,
    ) -> None:
        self.x, self.y, self.lengths, self.module = x, y, lengths, module

    @property
    def vectors(self) -> Vectors:
        """One of each series."""
        test, train = (
            Part(partial(self.features, name), self.y[name]) for name in ("test", "train")
        )
        return Vectors(test, train, learnt=self.module is not None)

    @torch.no_grad()
    def features(self, name: str) -> Tensor:
        """Returns ``(num, dim)``: the maximum over the steps that are there."""
        if self.module is None:
            return self.x[name].flatten(1).double()
        module: Any = self.module
        device = next(module.parameters()).device
        found = []
        with evaluating(module):
            for x, length in zip(
                self.x[name].split(SERIES_AT_ONCE),
                self.lengths[name].split(SERIES_AT_ONCE),
                strict=True,
            ):
                z = require_finite(module.embed(x.to(device)).double().cpu())
                padding = torch.arange(z.shape[1]) >= length[:, None]
                found.append(z.masked_fill(padding[..., None], -torch.inf).amax(1))
        return torch.cat(found)
