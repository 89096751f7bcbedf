"""Protocols on any module, in a script that need know nothing else: a callback and a function."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from common.backbones.modes import evaluating
from common.errors import ConfigError, DataError, LikewiseError, outline
from common.evaluation.config import fitting
from common.evaluation.frozen import require_finite
from common.evaluation.measure import VECTORS, evaluation_of, require_settings
from common.evaluation.run_protocols import run_protocols
from common.evaluation.vectors import Part, Vectors, validated
from common.losses.precision import upcast
from common.training.position import random_states, set_random_states

# Samples that `probe` embeds at once where it makes the batches.
BATCH = 256


def probe(
    module: nn.Module,
    data: tuple[Any, Any] | Any,
    protocols: Sequence[str] = (),
    seed: int = 0,
    **settings: dict[str, Any],
) -> dict[str, float]:
    """Returns the metrics of a module as it stands, which is left as it was, random states too.

    Args:
        module: Has ``embed``, else its ``forward`` is taken: inputs ``(batch, ...)`` on its device
            to vectors ``(batch, dim)``. In evaluation mode, without gradients.
        data: The training and the tested samples, or the latter alone: each an iterable of batches
            (a DataLoader), a ``Dataset`` of samples, a tensor of inputs, or a pair of tensors. A
            batch is ``(inputs, labels)`` with labels ``(batch,)`` or ``(batch, 1)``, whole numbers
            below 0 where a class is not known, fractions where numbers are, or inputs alone.
        protocols: Of those that measure vectors; none: all that fit.
        seed: Seeds the protocols' own generators.
        settings: Of protocols, as ``knn={"k": 5}``.

    Raises:
        ConfigError: A protocol that does not exist or does not fit, a setting that does not exist
            or is not allowed, or what is no module.
        DataError: Batches of another form, or what is no vector.
    """
    return _measure(module, data, protocols, seed, settings)


def _measure(
    module: nn.Module,
    data: tuple[Any, Any] | Any,
    protocols: Sequence[str],
    seed: int,
    settings: dict[str, dict[str, Any]],
    warns: bool = True,
) -> dict[str, float]:
    """Measures as `probe` does; with ``warns`` it says what is not measured for want of labels."""
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{outline(module)}: a probe takes a Module of torch")
    states, generators = random_states(), [(each, each.get_state()) for each in _generators(data)]
    try:
        with evaluating(module), torch.inference_mode(False), torch.no_grad():
            parts = [_embed_all(module, each) for each in (data if _is_pair(data) else (data,))]
            train, test = parts if len(parts) == 2 else (None, parts[0])
            vectors = Vectors(test, *validated(train))
            config = evaluation_of(vectors, protocols, **settings)
            if warns and not protocols:
                _say_unmeasured(vectors, config.protocols)
            return run_protocols(config.protocols, vectors, config, seed, "")
    finally:
        set_random_states(states)
        for generator, state in generators:
            generator.set_state(state)


class Probe(Callback):
    """Measures any LightningModule during its training, and logs the metrics like its own.

    It holds no data beside the loaders that it is given, and vectors during a look alone. The
    training goes on as without it, to the bit. What does not fit is refused before the first step:
    it looks there, too, and loggers have that as the value of the weights that training starts
    from. A later look that fails is a warning, and the training goes on.

    Args:
        data: As `probe` takes them.
        protocols: As `probe` takes them.
        every_n_epochs: Epochs between looks, at least 1; the last epoch has one in any case.
        prefix: Of the metrics' names.
        settings: Of protocols, as ``knn={"k": 5}``.

    Raises:
        ConfigError: A protocol that does not exist or needs more than vectors, or a setting that
            does not exist or is not allowed.
    """

    def __init__(
        self,
        data: tuple[Any, Any] | Any,
        protocols: Sequence[str] = (),
        every_n_epochs: int = 1,
        prefix: str = "probe/",
        **settings: dict[str, Any],
    ) -> None:
        if not isinstance(every_n_epochs, int) or every_n_epochs < 1:
            raise ConfigError(f"every_n_epochs={every_n_epochs!r}: a whole number from 1 is needed")
        require_settings(protocols, settings, ("every_n_epochs", "prefix", "protocols"))
        self.data, self.protocols, self.every_n_epochs = data, protocols, every_n_epochs
        self.prefix, self.settings = prefix, settings

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks before the first step; raises as `probe` does."""
        found = self._look(pl_module, warns=True)
        for logger in trainer.loggers:
            logger.log_metrics(found, trainer.global_step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measures after the epochs to look at; every process does, and logs its own."""
        done = trainer.current_epoch + 1
        if done % self.every_n_epochs and done != trainer.max_epochs:
            return
        try:
            pl_module.log_dict(self._look(pl_module))
        except LikewiseError as error:
            rank_zero_warn(f"Probe: nothing measured in epoch {trainer.current_epoch}: {error}")

    def _look(self, module: LightningModule, warns: bool = False) -> dict[str, float]:
        found = _measure(module, self.data, self.protocols, 0, self.settings, warns)
        return {f"{self.prefix}{name}": value for name, value in found.items()}


def _generators(data: Any) -> Iterator[torch.Generator]:
    """Yields those that loaders draw from: one of them may be the training's."""
    for loader in data if isinstance(data, tuple) else (data,):
        holders = (loader, *(getattr(loader, name, None) for name in ("sampler", "batch_sampler")))
        found = (getattr(holder, "generator", None) for holder in holders)
        yield from (each for each in found if isinstance(each, torch.Generator))


def _is_pair(data: Any) -> bool:
    """Tells training and tested samples from tensors of inputs and labels, which have one axis."""
    are_labels = isinstance(data, tuple) and isinstance(data[-1], Tensor) and data[-1].ndim == 1
    return isinstance(data, tuple) and len(data) == 2 and not are_labels


def _embed_all(module: nn.Module, data: Any) -> Part:
    device = next((each.device for each in module.parameters()), torch.device("cpu"))
    embed = getattr(module, "embed", module)
    found: list[Tensor] = []
    labels: list[Tensor] = []
    for batch in _batches(data):
        is_pair = isinstance(batch, list | tuple) and len(batch) == 2
        inputs, own = batch if is_pair else (batch, None)
        if not isinstance(inputs, Tensor):
            raise DataError(
                f"{outline(batch)}: a probe takes tensors: batches (inputs, labels), or inputs"
            )
        h = embed(inputs.to(device))
        if not isinstance(h, Tensor) or h.ndim != 2:
            raise DataError(f"{outline(h)}: a probe takes one vector a sample, (batch, dim)")
        found.append(require_finite(upcast(h)).cpu())
        if own is not None:
            labels.append(_labels(own, len(h)))
    if not found:
        raise DataError("a probe was given no batch")
    x = torch.cat(found)
    if not labels:
        return Part(lambda: x)
    y = torch.cat(labels)
    return Part(lambda: x, numbers=y) if y.is_floating_point() else Part(lambda: x, y.long())


def _labels(own: Any, count: int) -> Tensor:
    """Returns the labels of a batch, ``(count,)``, of one column those that it holds."""
    try:
        labels = torch.as_tensor(own).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{outline(own)}: a probe takes numbers as labels ({error})") from None
    if labels.shape == (count, 1) or labels.numel() == count == 1:
        labels = labels.reshape(count)
    if labels.shape != (count,):
        raise DataError(
            f"{outline(own)}: a probe takes one label a sample, (batch,), of {count} here; of rows "
            "that mark a class with 1, labels.argmax(1)"
        )
    return labels


def _say_unmeasured(vectors: Vectors, measured: Sequence[str]) -> None:
    """Warns where labels or training samples are given, but not what a use of them needs."""
    test, read = vectors.test, {"training classes", "numbers"}
    unused = vectors.train is not None or test.classes is not None or test.numbers is not None
    if unused and not read & vectors.known:
        lacking = [name for name in fitting(VECTORS, read) if name not in measured]
        rank_zero_warn(
            f"Probe: {', '.join(lacking)}: not measured, since they need training and tested "
            "samples, both with labels: data=((x, labels), (x_tested, labels_tested))"
        )


def _batches(data: Any) -> Iterable[Any]:
    if isinstance(data, tuple | list) and all(isinstance(each, Tensor) for each in data):
        if len({len(each) for each in data}) > 1:
            raise DataError(f"{outline(data)}: a probe takes as many labels as inputs")
        data = TensorDataset(*data)
    elif isinstance(data, Tensor):
        data = DataLoader(data, BATCH)  # type: ignore[arg-type]
    return DataLoader(data, BATCH) if isinstance(data, Dataset) else data
