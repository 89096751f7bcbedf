"""Ridge regression of the steps ahead on a representation, every penalty from one factorisation.

The protocol of TS2Vec, CoST, InfoTS and AutoTCL. Labels overlap, so that they are never written
out as the matrix of all windows: for 720 steps of 7 channels it would hold 300 MB. Neither are
features in float64: they are widened where they are used, of the samples that are drawn.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

ALPHAS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MAX_SAMPLES = 100_000
CHUNK_NUMBERS = 2**22

# (samples, horizon * targets) of a stretch of samples.
Forecast = Callable[[slice], Tensor]


class Windows(NamedTuple):
    """What is known and what is asked at each step of a part.

    ``known``: (instances, steps, dim); ``future``: (instances, steps, targets); the sample of
    instance i at step t has the features ``known[i, t]`` and the label
    ``future[i, t + 1 : t + 1 + horizon]``. ``rows``: (samples, 2) of instance and step.
    """

    known: Tensor
    future: Tensor
    rows: Tensor
    horizon: int

    def features(self, part: slice) -> Tensor:
        """Returns ``(samples, dim)`` of a stretch of samples, in float64."""
        instance, step = self.rows[part].unbind(1)
        return self.known[instance, step].double()

    def labels(self, part: slice) -> Tensor:
        """Returns ``(samples, horizon * targets)`` of a stretch of samples."""
        instance, step = self.rows[part].unbind(1)
        ahead = torch.arange(1, self.horizon + 1)
        return self.future[instance[:, None], step[:, None] + ahead].flatten(1)

    def chunks(self, dim: int = 1) -> Iterator[slice]:
        """Yields stretches of samples whose labels, and ``dim`` numbers each, fit the memory."""
        width = max(self.horizon * self.future.shape[2], dim)
        size = max(CHUNK_NUMBERS // width, 1)
        for start in range(0, len(self.rows), size):
            yield slice(start, min(start + size, len(self.rows)))

    def thinned(self, most: int) -> "Windows":
        """Returns at most ``most`` samples, drawn as the published protocol draws them."""
        if len(self.rows) <= most:
            return self
        kept, _ = train_test_split(range(len(self.rows)), train_size=most, random_state=0)
        return self._replace(rows=self.rows[kept])


def make_windows(features: Tensor, future: Tensor, horizon: int, drop: int = 0) -> Windows:
    """Returns the samples of one part, all of whose labels lie inside it.

    Args:
        features: ``(instances, steps, dim)``.
        future: ``(instances, steps, targets)``.
        horizon: Steps ahead; fewer than the part has.
        drop: Steps left out at the start.
    """
    instances, steps = features.shape[:2]
    used = torch.arange(drop, steps - horizon)
    rows = torch.cartesian_prod(torch.arange(instances), used).view(-1, 2)
    return Windows(features, future.double(), rows, horizon)


class RidgePath:
    """Ridge regressions with an intercept that is not penalised, for any penalty.

    ``min |Y - X W - b|^2 + alpha |W|^2``; with the eigenvectors of X'X for a basis a penalty only
    divides. Features are not standardised.

    Args:
        train: At least one sample.
    """

    def __init__(self, train: Windows) -> None:
        x = train.features(slice(None))
        self.centre = x.mean(0)
        x = x - self.centre
        self.values, self.basis = torch.linalg.eigh(x.T @ x)
        width = train.horizon * train.future.shape[2]
        products, sums = x.new_zeros(x.shape[1], width), x.new_zeros(width)
        for part in train.chunks():
            y = train.labels(part)
            products += x[part].T @ y
            sums += y.sum(0)
        self.intercept = sums / len(x)
        self.products = self.basis.T @ products

    def predict(self, features: Tensor, alpha: float) -> Tensor:
        """Returns ``(samples, horizon * targets)``."""
        rotated = (features - self.centre) @ self.basis
        shrunk = rotated / (self.values.clamp(min=0) + alpha)
        return shrunk @ self.products + self.intercept

    def forecast(self, windows: Windows, alpha: float) -> Forecast:
        """Returns what forecasts any stretch of the samples of ``windows``."""
        return lambda part: self.predict(windows.features(part), alpha)


class Errors(NamedTuple):
    """Over all windows, steps and targets."""

    mse: float
    mae: float


def errors_of(windows: Windows, forecast: Forecast) -> Errors:
    """Returns the errors of ``forecast``; nothing is held of more samples than fit the memory."""
    squared = absolute = count = 0.0
    for part in windows.chunks(windows.known.shape[2]):
        gap = forecast(part) - windows.labels(part)
        squared += gap.square().sum().item()
        absolute += gap.abs().sum().item()
        count += gap.numel()
    return Errors(squared / count, absolute / count)


def choose_alpha(path: RidgePath, val: Windows, alphas: Sequence[float]) -> float:
    """Returns the penalty with the least RMSE + MAE on ``val``; the first of equals."""
    found = [errors_of(val, path.forecast(val, alpha)) for alpha in alphas]
    scores = [errors.mse**0.5 + errors.mae for errors in found]
    return alphas[scores.index(min(scores))]


def last_value(windows: Windows, part: slice = slice(None)) -> Tensor:
    """Returns the naive forecast: the targets at the step itself, ``(samples, horizon * t)``."""
    instance, step = windows.rows[part].unbind(1)
    return windows.future[instance, step].repeat(1, windows.horizon)
