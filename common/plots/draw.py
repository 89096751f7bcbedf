"""Draws what a finished run has to show; what fails here costs an image, never the run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from common.backbones.modes import evaluating
from common.config.files import write_atomic
from common.data.contract import RunData
from common.evaluation.config import EvaluationConfig
from common.paper import Paper
from common.plots.curves import draw_run
from common.plots.style import to_png
from common.registry import load, wing
from common.training.position import random_states, set_random_states

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_plots(
    paper: Paper,
    module: nn.Module,
    data: RunData,
    evaluation: EvaluationConfig,
    folder: Path,
    say: Callable[[str], None],
) -> list[Path]:
    """Writes ``folder/<name>.png`` for every plot of the run, of its kind of data and of the paper.

    A source of plots is a function ``draw(module, data)`` that returns ``{name: function}``; each
    function makes one matplotlib figure. A modality declares those of all its papers, and a paper
    has its own in ``papers/<paper>/plots.py``, whose ``draw`` is given ``evaluation`` too where
    that is its third parameter. A run that was measured on the way has learning curves. The
    weights, the training mode and the random states are left as they were.

    Args:
        paper: Whose run it was.
        module: With the weights that were evaluated.
        data: The loaded data module.
        evaluation: How the run was measured.
        folder: Where to write, in the run's folder; made if it is missing.
        say: Takes the one warning that names what could not be drawn, and why.

    Returns:
        The files, in the order of their drawing.
    """
    files: list[Path] = []
    failures: list[str] = []
    with _undisturbed(module):
        for name, make in _plots(paper, module, data, evaluation, folder.parent, failures):
            try:
                path = folder / f"{name}.png"
                write_atomic(path, to_png(make()))
                files.append(path)
            except Exception as error:
                failures.append(f"{name} ({_reason(error)})")
    if failures:
        say(f"warning: not drawn: {'; '.join(failures)}. The run and its record are complete")
    return files


def _plots(
    paper: Paper,
    module: nn.Module,
    data: RunData,
    evaluation: EvaluationConfig,
    run_dir: Path,
    failures: list[str],
) -> Iterator[tuple[str, Callable[[], "Figure"]]]:
    sources = {"the run": lambda: draw_run(run_dir)}
    if shared := wing(paper.data_kind).plots:
        sources[paper.data_kind] = lambda: load(shared)(module, data)
    if find_spec(f"{paper.package}.plots") is not None:
        sources[paper.name] = lambda: _own_plots(paper, module, data, evaluation)
    for name, source in sources.items():
        try:
            plots = source()
        except Exception as error:
            failures.append(f"the plots of {name} ({_reason(error)})")
        else:
            yield from plots.items()


def _own_plots(
    paper: Paper, module: nn.Module, data: RunData, evaluation: EvaluationConfig
) -> dict[str, Callable[[], "Figure"]]:
    draw = paper.part("plots").draw
    given = (module, data, evaluation)[: len(signature(draw).parameters)]
    plots: dict[str, Callable[[], Figure]] = draw(*given)
    return plots


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__


@contextmanager
def _undisturbed(module: nn.Module) -> Iterator[None]:
    states = random_states()
    try:
        with torch.no_grad(), evaluating(module):
            yield
    finally:
        set_random_states(states)
