"""The settings of the protocol ``forecasting``."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class ForecastingConfig(ProtocolConfig):
    """Protocol ``forecasting``: ridge on frozen features (TS2Vec's, and most since)."""

    # Steps ahead, each a regression of its own.
    horizons: list[int] = setting([24, 48, 168, 336, 720], at_least=1)
    alphas: list[float] = setting(
        [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0], above=0
    )
    # Training and validation samples; of more, so many are drawn, the same each time.
    max_samples: int = setting(100_000, at_least=2)
    # For the reference `lags`: the last raw values.
    lags: int = setting(48, at_least=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for short series, and for settings beyond the data."""
        from common.evaluation.series_inputs import ForecastInputs, require

        require(ForecastInputs, inputs, "forecasting")
        if self.lags > inputs.window:
            raise ConfigError(
                f"evaluation.forecasting.lags={self.lags}: more than data.window="
                f"{inputs.window} steps"
            )
        for part in inputs.series.parts:
            start, end = inputs.bounds(part)
            if end - start <= max(self.horizons):
                raise ConfigError(
                    f"evaluation.forecasting.horizons: {max(self.horizons)} steps ahead, but "
                    f"{part!r} has {end - start}; leave the longest out"
                )

    def function(self) -> Measure:
        """Returns `evaluate_forecasting`."""
        from common.evaluation.forecasting import evaluate_forecasting

        return evaluate_forecasting
