"""AMCL's own plot: which temperatures each head gives to positives and to nearest negatives."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from common.data.images.evaluation import DenseImages
from common.data.images.module import ImageData
from common.plots.style import COLOURS, GREY
from papers.amcl.module import AMCL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEED, BINS = 0, 50
KINDS = ("positives", "nearest negatives")
FORMS = ({"histtype": "stepfilled", "alpha": 0.5}, {"histtype": "step", "linewidth": 1.6})


def draw(module: nn.Module, data: ImageData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots; none for a baseline or a constant temperature."""
    if not isinstance(module, AMCL) or module.method.temperature == "constant":
        return {}
    return {"temperatures": lambda: draw_temperatures(module, data)}


def draw_temperatures(module: AMCL, data: ImageData) -> "Figure":
    """Draws a histogram for each head, of one batch of training images in evaluation mode.

    On a logarithmic axis from the least temperature to the largest: where the objective is
    ill-posed all of them stand at the left end, positives and negatives alike.
    """
    from matplotlib.figure import Figure

    taus = temperatures(module, data)
    heads = len(taus)
    figure = Figure(figsize=(6.4, 1.5 + 1.3 * heads), layout="constrained")
    grid = figure.subplots(heads, 1, sharex=True, squeeze=False)[:, 0]
    low, high = module.rule.low, module.rule.high
    for head, (axes, kinds) in enumerate(zip(grid, taus, strict=True)):
        draw_head(axes, kinds, low, high)
        axes.set_ylabel(f"head {head}\nshare in %", fontsize=8)
    grid[-1].set_xlabel("temperature")
    figure.suptitle(
        f"Temperatures of {taus.shape[2]:,} pairs, between {low:g} and {high:g}", fontsize=10
    )
    return figure


def temperatures(module: AMCL, data: ImageData) -> Tensor:
    """Returns the temperatures of one batch, ``(heads, kinds, pairs)``; kinds as in `KINDS`."""
    images = DenseImages(data.set["train"], data.config)
    device = next(module.parameters()).device
    # As large as a batch of training, which the temperature network of a Barlow base reads whole.
    parts = list(images.pairs((SEED, 0), device, data.config.batch_size))
    views = [torch.cat([part.views[view] for part in parts]) for view in (0, 1)]
    encoded = module.base.encode(module.project, views)
    return module.base.loss(encoded, module.phi, module.rule).taus.float().cpu()


def draw_head(axes: "Axes", kinds: Tensor, low: float, high: float) -> None:
    """Draws one head's temperatures, ``(kinds, pairs)``, as histograms."""
    edges = torch.logspace(math.log10(low), math.log10(high), BINS + 1)
    # The second is an outline: alike, both are still seen.
    for kind, taus, colour, form in zip(KINDS, kinds, COLOURS, FORMS, strict=False):
        # A sigmoid that is saturated may round to just below its floor.
        inside, median = taus.clamp(edges[0], edges[-1]), float(taus.median())
        shares = torch.full_like(inside, 100 / len(inside))
        shown: dict[str, Any] = {"bins": edges.numpy(), "weights": shares.numpy(), **form}
        label = f"{kind}, median {median:.2g}"
        axes.hist(inside.numpy(), **shown, color=colour, label=label)
        axes.axvline(median, color=colour, linewidth=1, linestyle="--")
    axes.legend(fontsize=7, loc="upper center")
    axes.set_xscale("log")
    axes.set_xlim(low / 1.5, high * 1.5)
    axes.set_ylim(0, 105)
    axes.grid(axis="x", color=GREY, linewidth=0.4)
