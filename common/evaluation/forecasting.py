"""Forecasts of the steps ahead by ridge regression on frozen representations."""

from functools import partial

from common.evaluation.ridge import (
    Forecast,
    RidgePath,
    Windows,
    choose_alpha,
    errors_of,
    last_value,
    make_windows,
)
from common.evaluation.series_config import ForecastingConfig
from common.evaluation.series_inputs import ForecastInputs


def evaluate_forecasting(
    inputs: ForecastInputs, settings: ForecastingConfig, seed: int
) -> dict[str, float]:
    """Returns ``mse@H`` and ``mae@H`` of each horizon H, and their means ``mse`` and ``mae``.

    On standardised values, over all windows that lie wholly within the tested part. Where the
    informative part of the future is known, ``clean_mse@H`` is the error against it; the
    regression is always fitted on what was observed. ``seed`` is not used: nothing is drawn.
    """
    metrics: dict[str, float] = {}
    for horizon in settings.horizons:
        metrics |= _one_horizon(inputs, settings, horizon)
    for kind in ("mse", "mae"):
        found = [metrics[f"{kind}@{horizon}"] for horizon in settings.horizons]
        metrics[kind] = sum(found) / len(found)
    return metrics


def _one_horizon(
    inputs: ForecastInputs, settings: ForecastingConfig, horizon: int
) -> dict[str, float]:
    train, val, test = (
        windows_of(inputs, name, horizon, settings.lags) for name in ("train", "val", "test")
    )
    if inputs.module is None and inputs.reference == "last-value":
        forecast: Forecast = partial(last_value, test)
    else:
        train, val = train.thinned(settings.max_samples), val.thinned(settings.max_samples)
        path = RidgePath(train)
        forecast = path.forecast(test, choose_alpha(path, val, settings.alphas))
    errors = errors_of(test, forecast)
    metrics = {f"mse@{horizon}": errors.mse, f"mae@{horizon}": errors.mae}
    if inputs.series.clean is not None:
        truth = test._replace(future=inputs.targets("test", clean=True))
        metrics[f"clean_mse@{horizon}"] = errors_of(truth, forecast).mse
    return metrics


def windows_of(inputs: ForecastInputs, name: str, horizon: int, lags: int) -> Windows:
    """Returns the windows of a part whose features and labels it holds."""
    return make_windows(inputs.features(name, lags), inputs.targets(name), horizon)
