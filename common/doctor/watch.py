"""Steps of a run's own training, taken again without learning, and what is seen in them."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from common.backbones.modes import training
from common.errors import LikewiseError
from common.runs.run import fit_from
from common.training.fit import Experiment

COSINES = {F.normalize, F.cosine_similarity, torch.cosine_similarity}
# What a contrast takes its scores through; attention takes softmax, and is none.
CONTRASTS = {
    F.cross_entropy,
    F.log_softmax,
    torch.log_softmax,
    torch.logsumexp,
    Tensor.log_softmax,
    Tensor.logsumexp,
}
FROM_SCORES = {F.cross_entropy, F.log_softmax, F.binary_cross_entropy_with_logits}


@dataclass(frozen=True)
class Step:
    """A step that was taken.

    ``batch``: what `training_step` was given; ``loss``: its value, None where the step itself
    fails, as ``failed`` then says; ``chance``: its value where no input is told from another, None
    where there is none; ``labels_count``: whether other labels give another loss; ``scores``: of
    each softmax of the loss, (rows, columns), -inf where a pair is left out; ``called``: names of
    the modules that it called.
    """

    batch: Any
    loss: float | None
    chance: float | None
    labels_count: bool
    scores: list[Tensor]
    buffers: dict[str, Tensor]
    called: set[str]
    failed: str = ""


class Scores(TorchFunctionMode):
    """Keeps the scores that a loss takes a softmax of."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Is called by torch in place of each of its functions."""
        if func in CONTRASTS and args and args[0].ndim > 1:
            self.found.append(args[0].detach())
        return func(*args, **(kwargs or {}))


class Nothing(TorchFunctionMode):
    """Makes unit vectors, cosines and the scores of a loss 0: no input differs from another."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Is called by torch in place of each of its functions."""
        if func in FROM_SCORES and args:
            args = (_zero(args[0]), *args[1:])
        found = func(*args, **(kwargs or {}))
        return _zero(found) if func in COSINES else found


def _zero(x: Tensor) -> Tensor:
    return torch.nan_to_num(x * 0)


@contextmanager
def telling_nothing(module: nn.Module) -> Iterator[None]:
    """Lets the encoders of ``module`` and its loss see no difference between inputs."""
    kind = type(getattr(module, "backbone", None))

    def zero(_layer: Any, _args: Any, found: Any) -> Any:
        return _zero(found) if isinstance(found, Tensor) else found

    hooks = [layer.register_forward_hook(zero) for layer in module.modules() if type(layer) is kind]
    try:
        with Nothing():
            yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def noting_calls(module: nn.Module) -> Iterator[set[str]]:
    """Gives the names of the parts of ``module`` that are called meanwhile."""
    called = set[str]()
    hooks = [
        layer.register_forward_hook(partial(_note, called, name))
        for name, layer in module.named_modules()
    ]
    try:
        yield called
    finally:
        for hook in hooks:
            hook.remove()


def _note(called: set[str], name: str, *_: Any) -> None:
    called.add(name)


class _Standing(Callback):
    """Lets no optimizer move a weight, and ends after ``count`` batches."""

    def __init__(self, count: int) -> None:
        self.left = count

    def on_train_start(self, trainer: Any, pl_module: LightningModule) -> None:
        for optimizer in trainer.optimizers:
            optimizer.step = _stay
            optimizer._opt_called = True  # else a schedule warns that it steps first

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.left -= 1
        trainer.should_stop = self.left <= 0


def _stay(closure: Any = None) -> Any:
    return closure and closure()


# Else a schedule warns that the step is not the one that it has wrapped. Torch sets the same
# attribute on a function, which has no such field for a type checker.
_stay._wrapped_by_lr_sched = True  # type: ignore[attr-defined]


def watch(experiment: Experiment, position: int, count: int) -> list[Step]:
    """Takes ``count`` steps from batch ``position`` of the training on, which move no weight.

    The module, which may come as it is measured, is in training mode, and is the same afterwards.
    """
    module, found = experiment.module, list[Step]()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    own_step: Any = module.training_step

    def step(batch: Any, batch_idx: int) -> Any:
        def again(given: Any) -> float | None:
            """Returns the loss, and leaves weights, buffers and random numbers as they were."""
            before = {name: value.clone() for name, value in module.state_dict().items()}
            value = None
            with torch.random.fork_rng(devices=[]):
                with contextlib.suppress(LikewiseError, ArithmeticError, RuntimeError):
                    value = float(own_step(given, batch_idx).detach())
            module.load_state_dict(before)
            return value

        with telling_nothing(module):
            chance = again(batch)
        others = _other_labels(batch)
        with_others = None if others is None else again(others)
        scores = Scores()
        try:
            with scores, noting_calls(module) as called:
                taken = own_step(batch, batch_idx)
        except LikewiseError as error:
            counted = with_others is not None
            found.append(Step(batch, None, chance, counted, scores.found, {}, called, str(error)))
            raise
        loss = float(taken.detach())
        labels_count = others is not None and with_others != loss
        after = {name: value.clone() for name, value in module.named_buffers()}
        found.append(Step(batch, loss, chance, labels_count, scores.found, after, called))
        return taken

    settings = replace(
        experiment.recipe.trainer, accelerator="cpu", devices=1, nodes=1, precision="32-true"
    )
    recipe = replace(experiment.recipe, trainer=settings)
    # Of this object alone, and until the end: the trainer calls the method by its name.
    module.training_step = step  # type: ignore[method-assign]
    try:
        with contextlib.suppress(LikewiseError), training(module):
            fit_from(experiment, recipe, position, _Standing(count))
    finally:
        del module.training_step
        module.load_state_dict(state)
    return found


def _other_labels(batch: Any) -> Any:
    """Returns ``batch`` with each label moved on by a row; None where labels are not known."""
    labels = getattr(batch, "labels", None)
    if labels is None or not hasattr(batch, "_replace") or bool((labels < 0).all()):
        return None
    return batch._replace(labels=labels.roll(1))
