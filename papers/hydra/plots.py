"""Hydra's own plots: what the gates open for pairs of classes, and how alike classes are by them.

How the paper turns gates into relations could not be read: these are our definitions.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from common.data.images.module import ImageData
from common.plots.style import new_figure
from papers.hydra.gate import active_count, class_relations, pair_gates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES, MOST_NUMBERS, MOST_PAIRS = 40, 12, 45


def draw(module: nn.Module, data: ImageData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots; none for a module without gates."""
    gate = getattr(module, "gate", None)
    if gate is None:
        return {}
    total = int(getattr(module, "num_classes", 0))
    # Spread over all classes where there are many.
    classes = torch.linspace(0, total - 1, min(total, MOST_CLASSES)).long()
    names = [class_name(data, int(label)) for label in classes]
    return {
        "gates": lambda: draw_gates(gate, classes, names),
        "open_dimensions": lambda: draw_open_dimensions(gate, classes, names),
        "relations": lambda: draw_relations(gate, total, classes, names),
    }


def class_name(data: ImageData, label: int) -> str:
    """Returns what ``label`` stands for, or the number."""
    names = data.set["train"].class_names
    return names[label] if label < len(names) else str(label)


def draw_gates(gate: nn.Module, classes: Tensor, names: list[str]) -> "Figure":
    """Draws a row of gates for each pair of unlike classes; dimensions in order of openness."""
    first, second = torch.triu_indices(len(classes), len(classes), 1)
    some = torch.linspace(0, len(first) - 1, min(len(first), MOST_PAIRS)).long()
    first, second = first[some], second[some]
    gates = pair_gates(gate, classes).cpu()[first, second]  # (pairs, dim)
    gates = gates[:, gates.mean(0).argsort(descending=True)]
    spread = gates.std(0, unbiased=False).mean()
    title = (
        f"Gates of {len(gates)} pairs of unlike classes: {100 * gates.mean():.0f} % open, standard "
        f"deviation over pairs {spread:.2f} (0 if the gate ignores the pair)"
    )
    figure, axes = new_figure(8.0, 1.6 + 0.16 * len(gates), title)
    shown = axes.imshow(gates.numpy(), vmin=0, vmax=1, aspect="auto", cmap="viridis")
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    axes.set_yticks(
        list(range(len(gates))), [f"{names[a]}, {names[b]}" for a, b in pairs], fontsize=6
    )
    axes.set_xlabel("dimension of the embedding, the most open one first")
    figure.colorbar(shown, label="gate")
    return figure


def draw_open_dimensions(gate: nn.Module, classes: Tensor, names: list[str]) -> "Figure":
    """Draws how many dimensions each pair of classes is compared in."""
    gates = pair_gates(gate, classes).cpu()
    title = f"Open dimensions (gate above one half) of {gates.shape[2]}, for each pair of classes"
    return draw_matrix(active_count(gates), names, title, "open dimensions", "{:.0f}")


def draw_relations(gate: nn.Module, total: int, classes: Tensor, names: list[str]) -> "Figure":
    """Draws the cosine between the gates of single classes."""
    relations = class_relations(gate, total).cpu()[classes][:, classes]
    some = f"{len(classes)} of {total:,} classes" if len(classes) < total else "all classes"
    title = f"Relation of classes: cosine between gate(c, c), {some}"
    return draw_matrix(relations, names, title, "cosine", "{:.2f}")


def draw_matrix(values: Tensor, names: list[str], title: str, label: str, form: str) -> "Figure":
    """Draws ``values (classes, classes)`` with the classes' names, and numbers if they fit."""
    side = 2.6 + 0.42 * min(len(names), 16)
    figure, axes = new_figure(side + 0.8, side, title)
    # The diagonal is the largest by far, or constant: colours are for what lies beside it.
    beside = values[~torch.eye(len(names), dtype=torch.bool)].float()
    low, high = (float(beside.min()), float(beside.max())) if len(beside) else (None, None)
    shown = axes.imshow(values.numpy(), vmin=low, vmax=high, cmap="viridis")
    size = 8 if len(names) <= MOST_NUMBERS else 5
    axes.set_xticks(list(range(len(names))), names, rotation=90, fontsize=size)
    axes.set_yticks(list(range(len(names))), names, fontsize=size)
    figure.colorbar(shown, label=label)
    if len(names) <= MOST_NUMBERS:
        write_numbers(axes, values, form, low, high)
    return figure


def write_numbers(
    axes: "Axes", values: Tensor, form: str, low: float | None, high: float | None
) -> None:
    """Writes each value into its cell, dark on bright cells and bright on dark ones."""
    middle = ((low or 0.0) + (high or 0.0)) / 2
    for row, line in enumerate(values.tolist()):
        for column, value in enumerate(line):
            colour = "black" if value > middle else "white"
            text = form.format(value)
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
