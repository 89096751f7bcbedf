"""AutoTCL's own plots: a forecast beside what came, and what the mask keeps; classes of series."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from common.data.series.module import SeriesData
from common.evaluation.config import EvaluationConfig
from common.evaluation.forecasting import windows_of
from common.evaluation.ridge import ALPHAS, RidgePath, choose_alpha
from common.evaluation.series_inputs import ForecastInputs, LabelledInputs, SplitSeries
from common.plots.embedding_map import main_components
from common.plots.style import COLOURS, GREY, MARKERS, new_figure
from papers.autotcl.mask_agreement import has_mask, mask_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Steps that are encoded once more: the end of training for the fit, the start of validation. Both
# hold the steps ahead besides.
FITTED, SHOWN = 1_500, 400
BEFORE = 144


def draw(
    module: nn.Module, data: SeriesData, evaluation: EvaluationConfig
) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots: the longest forecast that was set, from within the validation part.

    A mask is shown where one is learnt. Series with classes have a plot of the test series, as
    `series-svm` is given them.
    """
    inputs = data.evaluation_inputs(module, "test")
    if isinstance(inputs, ForecastInputs):
        start, end = inputs.bounds("val")
        # A run that does not measure forecasts may have horizons that its series cannot hold.
        settings: Any = evaluation.settings("forecasting")
        asked = [horizon for horizon in settings.horizons if horizon < end - start]
        horizon = max(asked, default=(end - start) // 2)
        window = data.config.window
        return {"forecast": lambda: draw_forecast(module, inputs.series, window, horizon)}
    assert data.labelled is not None
    names = data.labelled.class_names
    return {"classes": lambda: draw_classes(inputs, names)}


def draw_classes(inputs: LabelledInputs, names: Sequence[str]) -> "Figure":
    """Draws two main components of the pooled test series; colour is the class."""
    points, share = main_components(inputs.features("test"))
    title = (
        f"{len(points):,} test series, maximum over time: two main components "
        f"({100 * share:.0f} % of the variance), coloured by class"
    )
    figure, axes = new_figure(6.4, 5.0, title)
    for number, name in enumerate(names):
        x, y = points[inputs.y["test"] == number].T.numpy()
        # Colours come again with the next marker.
        marker = MARKERS[number // len(COLOURS) % len(MARKERS)]
        colour = COLOURS[number % len(COLOURS)]
        axes.scatter(x, y, s=16, color=colour, marker=marker, linewidths=0, label=name)
    axes.set_xlabel("first component")
    axes.set_ylabel("second component")
    axes.legend(fontsize=8, ncols=1 + len(names) // 12)
    return figure


def shortened(series: SplitSeries, window: int, horizon: int) -> SplitSeries:
    """Returns the end of the training part and the start of validation, as parts of both names."""
    _, end = series.parts["train"]
    start = max(end - FITTED - horizon - window, 0)
    last = min(end + SHOWN + horizon, series.parts["val"][1])
    cut = slice(start, last)
    parts = {"train": (0, end - start), "val": (end - start, last - start)}
    return replace(
        series,
        inputs=series.inputs[:, cut],
        targets=series.targets[:, cut, -1:],  # the one that is drawn
        informative=None if series.informative is None else series.informative[cut],
        parts=parts,
    )


def forecast(
    module: nn.Module, series: SplitSeries, window: int, horizon: int
) -> tuple[int, Tensor]:
    """Returns the step that is forecast from, and ``(horizon,)`` values of the last target."""
    inputs = ForecastInputs(series, window, module)
    train, val = (windows_of(inputs, name, horizon, 1) for name in ("train", "val"))
    path = RidgePath(train)
    alpha = choose_alpha(path, val, ALPHAS)
    steps = len(val.rows) // len(series.inputs)
    # In the last instance, as late as there is a future to compare with.
    place = min(BEFORE, steps - 1)
    found = path.predict(val.features(slice(None))[-steps + place][None], alpha)
    return inputs.bounds("val")[0] + place, found.view(horizon, -1)[:, -1]


def draw_forecast(module: nn.Module, whole: SplitSeries, window: int, horizon: int) -> "Figure":
    """Draws one forecast; shaded: how informative the mask holds each step."""
    series = shortened(whole, window, horizon)
    step, predicted = forecast(module, series, window, horizon)
    first, last = max(step - BEFORE, 0), step + horizon + 1
    title = (
        f"{whole.names[-1]}: {horizon} steps ahead by ridge on frozen representations, fitted on "
        f"the last {series.parts['train'][1]:,} training steps"
    )
    figure, axes = new_figure(9.0, 3.6, title)
    x = np.arange(first, last) - step
    axes.plot(x, series.targets[-1, first:last, -1].numpy(), color="black", label="observed")
    axes.plot(np.arange(1, horizon + 1), predicted.numpy(), color=COLOURS[1], label="forecast")
    axes.axvline(0, color=GREY, linewidth=1)
    if has_mask(module):
        h = mask_scores(module, series.inputs[-1:, first:last]).numpy()
        where = axes.get_xaxis_transform()
        axes.fill_between(
            x, 0, h, step="mid", transform=where, color=COLOURS[5], alpha=0.3, label="mask score h"
        )
    if series.informative is not None:
        hidden = ~series.informative[first:last].numpy()
        axes.scatter(
            x[hidden],
            series.targets[-1, first:last, -1].numpy()[hidden],
            s=12,
            color=COLOURS[0],
            label="noise (the truth)",
        )
    axes.set_xlabel("steps from the forecast's origin")
    axes.set_ylabel("standardised value")
    axes.legend(fontsize=8, loc="upper left")
    return figure
