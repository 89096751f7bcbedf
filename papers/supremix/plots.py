"""SupReMix's own plots: are embeddings ordered by the label, and what does the probe say?"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from common.data.targets.regression.module import RegressionData
from common.evaluation.regression_inputs import ProbeSet, RegressionInputs
from common.evaluation.regression_probe import fit_ridge
from common.plots.embedding_map import main_components
from common.plots.style import COLOURS, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 2000
PENALTY = 1.0


def draw(module: nn.Module, data: RegressionData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots: test embeddings coloured by label, and predictions against labels."""
    inputs = data.evaluation_inputs(module, "test")
    return {
        "embedding_by_label": lambda: draw_embedding(inputs),
        "predictions": lambda: draw_predictions(inputs),
    }


def draw_embedding(inputs: RegressionInputs) -> "Figure":
    """Draws the two main components of the test embeddings; colour is the label.

    It takes the projected unit vectors where there are some: that is where the contrast acts.
    """
    on_head = hasattr(inputs.module, "project")
    h = inputs.map("project" if on_head else "embed", "test")[:MOST_POINTS]
    labels = inputs.parts["test"].targets[:MOST_POINTS]
    points, share = main_components(h)
    what = "projected vectors" if on_head else "features"
    title = (
        f"{len(points):,} test {what}: two main components ({100 * share:.0f} % of the variance), "
        "coloured by label"
    )
    figure, axes = new_figure(6.4, 5.0, title)
    x, y = points.T.numpy()
    shown = axes.scatter(x, y, c=labels.numpy(), s=10, linewidths=0, cmap="viridis")
    axes.set_xlabel("first component")
    axes.set_ylabel("second component")
    figure.colorbar(shown, label="label")
    return figure


def draw_predictions(inputs: RegressionInputs) -> "Figure":
    """Draws a ridge probe's predictions of the test labels against the labels."""
    fitted = [inputs.probe_set(name) for name in ("train", "val")]
    both = ProbeSet(*(torch.cat(part) for part in zip(*fitted, strict=True)))
    predicted = fit_ridge(both, inputs.features("test"), PENALTY)[:MOST_POINTS]
    truth = inputs.parts["test"].targets[:MOST_POINTS].double()
    error = (predicted - truth).abs().mean()
    title = (
        f"Ridge on frozen features (penalty {PENALTY:g}): {len(truth):,} test samples, mean "
        f"absolute error {error:.3g}"
    )
    figure, axes = new_figure(5.4, 5.0, title)
    ends = [float(truth.min()), float(truth.max())]
    axes.plot(ends, ends, color=GREY, linewidth=1)
    axes.scatter(truth.numpy(), predicted.numpy(), s=10, c=COLOURS[0], linewidths=0, alpha=0.6)
    axes.set_xlabel("label")
    axes.set_ylabel("prediction")
    return figure
