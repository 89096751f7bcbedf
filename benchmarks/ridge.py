"""Ridge over all horizons and penalties, against scikit-learn's solved for each of them.

    python -m benchmarks.ridge [--steps 8000] [--dim 320] [--threads 1] [--clock cpu]

As AutoTCL on ETTh1, univariate: 13 penalties, horizons 24 to 720, errors on a validation part of a
third of the steps for each penalty. Both sides are given float64 features and labels.
"""

from collections.abc import Callable

import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from benchmarks.timing import interleave, parse, parser, report, timed
from common.evaluation.ridge import ALPHAS, RidgePath, Windows, errors_of, make_windows

HORIZONS = (24, 48, 168, 336, 720)


def make_parts(steps: int, dim: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns features and targets of training and of a validation part, ``(1, steps, ...)``."""
    generator = torch.Generator().manual_seed(0)
    count = steps + steps // 3
    x = torch.randn(1, count, dim, generator=generator, dtype=torch.float64)
    y = torch.randn(1, count, 1, generator=generator, dtype=torch.float64).cumsum(1) / count**0.5
    return x[:, :steps], y[:, :steps], x[:, steps:], y[:, steps:]


def ours(train: Windows, val: Windows) -> list[float]:
    path = RidgePath(train)
    return [errors_of(val, path.forecast(val, alpha)).mse for alpha in ALPHAS]


def one_by_one(train: Windows, val: Windows) -> list[float]:
    x, y = train.features(slice(None)).numpy(), train.labels(slice(None)).numpy()
    known, truth = val.features(slice(None)).numpy(), val.labels(slice(None)).numpy()
    return [
        float(((Ridge(alpha).fit(x, y).predict(known) - truth) ** 2).mean()) for alpha in ALPHAS
    ]


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--steps", type=int, default=8000)
    options.add_argument("--dim", type=int, default=320)
    arguments = parse(options)
    x, y, known, truth = make_parts(arguments.steps, arguments.dim)
    parts = [(make_windows(x, y, h), make_windows(known, truth, h)) for h in HORIZONS]
    widest = max(
        abs(a - b) / b
        for train, val in parts[:2]
        for a, b in zip(ours(train, val), one_by_one(train, val), strict=True)
    )
    print(f"{len(HORIZONS)} horizons x {len(ALPHAS)} penalties; errors differ by {widest:.1e}")

    def over(form: Callable[[Windows, Windows], list[float]]) -> Callable[[], float]:
        return timed(lambda: [form(*part) for part in parts], 1, arguments.clock)

    contestants = {"ours": over(ours), "scikit-learn, each": over(one_by_one)}
    report(interleave(contestants, arguments.rounds), "ours")


if __name__ == "__main__":
    main()
