"""CPL's own plots: which clusters are which methods, and where the local vote looked."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from torch import Tensor, nn

from common.data.targets.open_world.module import OpenWorldData
from common.evaluation.open_world_inputs import OpenWorldInputs
from common.plots.style import new_figure
from papers.owdfa_cpl.voting import vote

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_PAIRS, BATCH = 6, 64


def draw(module: nn.Module, data: OpenWorldData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots: the confusion of heads and classes and, of CPL itself, votes."""
    inputs = data.evaluation_inputs(module, "test")
    plots = {"confusion": lambda: draw_confusion(inputs, data.whole.class_names)}
    if getattr(module, "votes", None) is not None:
        plots["votes"] = lambda: draw_votes(module, data)
    return plots


def matched_heads(truth: np.ndarray, guess: np.ndarray, num_heads: int) -> np.ndarray:
    """Returns the heads in the order that puts each class's own on the diagonal.

    Args:
        truth: ``(num,)`` classes.
        guess: ``(num,)`` heads.
        num_heads: All heads, those that nobody takes included.
    """
    counts = contingency_matrix(truth, guess)
    _, matched = linear_sum_assignment(counts, maximize=True)
    used = np.unique(guess)[matched]
    return np.array([*used, *(head for head in range(num_heads) if head not in used)])


def draw_confusion(inputs: OpenWorldInputs, names: tuple[str, ...]) -> "Figure":
    """Draws the share of each class's test images in each head, heads matched to classes."""
    truth, guess = inputs.truth, inputs.logits.argmax(dim=1).numpy()
    heads = matched_heads(truth, guess, inputs.logits.shape[1])
    shares = np.zeros((len(names), len(heads)))
    for label in range(len(names)):
        mine = guess[truth == label]
        shares[label] = [(mine == head).mean() if len(mine) else 0 for head in heads]
    title = (
        f"Share of each class's test images in each head, in the order of the best matching; "
        f"classes below the line are novel ({inputs.num_known} known)"
    )
    figure, axes = new_figure(7.5, 7.0, title)
    shown = axes.imshow(shares, vmin=0, vmax=1, cmap="viridis")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xticks(range(len(heads)), [str(head) for head in heads], fontsize=7)
    axes.axhline(inputs.num_known - 0.5, color="white", linewidth=1)
    axes.set_xlabel("head")
    figure.colorbar(shown, shrink=0.7)
    return figure


@torch.no_grad()
def _vote(module: Any, images: Tensor) -> tuple[Any, Tensor]:
    maps = module.backbone.feature_map(images)
    parts = module.head.embed_parts(maps)  # (batch, dim, parts)
    return vote(module.head.embed(maps), parts, 0), parts


def draw_votes(module: Any, data: OpenWorldData) -> "Figure":
    """Draws test images beside their candidates, with the weight of each part in the vote."""
    generator = torch.Generator().manual_seed(0)
    part = data.whole.test
    rows = torch.randperm(len(part.labels), generator=generator)[:BATCH]
    device = next(module.parameters()).device
    stored = part.images[rows]
    found, parts = _vote(module, data.prepare_images(stored.to(device)))
    weights = parts.norm(dim=1)
    weights = (weights / weights.norm(dim=1, keepdim=True)).cpu()
    side = round(weights.shape[1] ** 0.5)
    title = (
        "Test images, their nearest by the global feature, and the parts' weight in the vote: "
        "bright parts decide"
    )
    figure, _ = new_figure(6.0, 2.1 * SHOWN_PAIRS, title)
    figure.clear()
    figure.suptitle(title, fontsize=9, wrap=True)
    grid = figure.subplots(SHOWN_PAIRS, 3)
    for line, axes in enumerate(grid):
        other = int(found.candidates[line])
        names = [data.whole.class_names[int(part.labels[rows[at]])] for at in (line, other)]
        verdict = "trusted" if bool(found.trusted[line]) else "refused"
        for column, at in enumerate((line, other)):
            axes[column].imshow(stored[at].permute(1, 2, 0).numpy())
            axes[column].set_title(names[column], fontsize=7)
        axes[2].imshow(weights[line].view(side, side).numpy(), cmap="magma", vmin=0)
        axes[2].set_title(verdict, fontsize=7)
        for axis in axes:
            axis.set_axis_off()
    return figure
