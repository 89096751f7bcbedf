"""Protocols on any module: a callback, a plain function, `Trainer.validate` and `Trainer.test`."""

import inspect
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from common.backbones.modes import evaluating
from common.distributed.collectives import gather
from common.errors import DataError, outline
from common.evaluation.config import EvaluationConfig, evaluation_schema
from common.evaluation.frozen import require_finite
from common.evaluation.measure import evaluation_of
from common.evaluation.run_protocols import run_protocols
from common.evaluation.vectors import Part, Vectors, labelled_vectors, validated
from common.losses.precision import upcast
from common.registry import PROTOCOLS
from common.training.position import random_states, set_random_states

NAMES = ("knn", "linear")
# Samples that `probe` embeds at once where it makes the batches.
BATCH = 256
# Lightning says it of every training without a look, which is the usual one.
warnings.filterwarnings("ignore", "You defined a `validation_step` but have no `val_dataloader`")


def probe_settings() -> EvaluationConfig:
    """Returns the two protocols with their settings, which their owner may change."""
    schema = evaluation_schema(*((name, PROTOCOLS[name]) for name in NAMES))
    return schema(protocols=list(NAMES))


class Seen:
    """What one look has seen: features of two loaders, or the inputs that data prepare themselves.

    The first loader's samples are the references, the second's are measured. Under several
    processes the features of all of them are put together.
    """

    def __init__(self) -> None:
        self._parts: dict[int, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        self._prepare: Callable[[Any], Any] | None = None

    def see(self, module: LightningModule, batch: Any, loader: int) -> None:
        """Embeds a batch ``(inputs, labels)`` and keeps it.

        Args:
            module: In evaluation mode.
            batch: ``inputs`` is what ``module(...)`` takes: a tensor, or several; what follows the
                labels ``(batch,)`` is not read. Or what a `common.data.contract.Look` gives.
            loader: The number of its loader.

        Raises:
            DataError: It is neither, or the module makes no vectors of it.
        """
        if callable(batch):
            self._prepare = batch
            return
        inputs, labels = _labelled(batch, len(inspect.signature(module.embed).parameters))  # type: ignore[arg-type]
        h = module(*inputs)
        if h.ndim != 2:
            raise DataError(f"{outline(h)}: a probe takes one vector a sample, (batch, features)")
        self._parts[loader].append((upcast(h), labels))

    def measure(self, module: Any, prefix: str) -> dict[str, float]:
        """Returns ``{prefix + metric: value}`` and forgets what was seen.

        Nothing before a training, where Lightning tries two batches.

        Raises:
            DataError: One loader or more than two, or no labels.
        """
        parts, prepare = self._parts, self._prepare
        self._parts, self._prepare = defaultdict(list), None
        if module.trainer.sanity_checking:
            return {}
        # Probes learn, which the tensors of inference mode cannot take part in.
        with torch.inference_mode(False), torch.no_grad():
            inputs = _vectors(parts) if prepare is None else prepare(module)
            names = module.evaluation.protocols
            return run_protocols(names, inputs, module.evaluation, 0, prefix)


def _labelled(batch: Any, num_inputs: int) -> tuple[tuple[Tensor, ...], Tensor]:
    """Returns the inputs and labels of a batch; raises `DataError` where it is none."""
    if isinstance(batch, list | tuple) and len(batch) >= 2 and _are_labels(batch[1]):
        inputs = (batch[0],) if isinstance(batch[0], Tensor) else tuple(batch[0])
        if len(inputs) == num_inputs and all(isinstance(each, Tensor) for each in inputs):
            return inputs, batch[1]
    raise DataError(
        f"{outline(batch)}: validation takes (inputs, labels): what module(...) takes, such as "
        "images, and classes (batch,)"
    )


def _are_labels(found: Any) -> bool:
    return isinstance(found, Tensor) and found.ndim == 1 and not found.is_floating_point()


def _vectors(parts: dict[int, list[tuple[Tensor, Tensor]]]) -> Vectors:
    if sorted(parts) != [0, 1]:
        raise DataError(
            f"{len(parts)} loaders: a probe takes two, the references and what is measured, such "
            "as [train, test]"
        )
    found = []
    for number in (0, 1):
        x, y = (gather(torch.cat(each)).clone().cpu() for each in zip(*parts[number], strict=True))
        found += [x[y >= 0], y[y >= 0]]
        if not len(found[-1]):
            raise DataError("labels: all are -1, which is no class; a probe needs classes")
    return labelled_vectors(*found)


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
            (a DataLoader), a ``Dataset`` of samples, or a pair of tensors. A batch is ``(inputs,
            labels)``, whole numbers below 0 where a class is not known, fractions where numbers
            are, or inputs alone.
        protocols: Of those that measure vectors; none: all that fit.
        seed: Seeds the protocols' own generators.
        settings: Of protocols, as ``knn={"k": 5}``.

    Raises:
        ConfigError: A protocol that does not exist or does not fit.
        DataError: Batches of another form, or what is no vector.
    """
    states, generators = random_states(), [(each, each.get_state()) for each in _generators(data)]
    with evaluating(module), torch.inference_mode(False), torch.no_grad():
        parts = [_embed_all(module, each) for each in (data if _is_pair(data) else (data,))]
        train, test = parts if len(parts) == 2 else (None, parts[0])
        vectors = Vectors(test, *validated(train))
        config = evaluation_of(vectors, protocols, **settings)
        found = run_protocols(config.protocols, vectors, config, seed, "")
    set_random_states(states)
    for generator, state in generators:
        generator.set_state(state)
    return found


class Probe(Callback):
    """Measures any LightningModule during its training, and logs the metrics like its own.

    It holds no data beside the loaders that it is given, and vectors during a look alone. The
    training goes on as without it, to the bit.

    Args:
        data: As `probe` takes them.
        protocols: As `probe` takes them.
        every_n_epochs: Epochs between looks.
        prefix: Of the metrics' names.
        settings: Of protocols, as ``knn={"k": 5}``.
    """

    def __init__(
        self,
        data: tuple[Any, Any] | Any,
        protocols: Sequence[str] = (),
        every_n_epochs: int = 1,
        prefix: str = "probe/",
        **settings: dict[str, Any],
    ) -> None:
        self.data, self.protocols, self.every_n_epochs = data, protocols, every_n_epochs
        self.prefix, self.settings = prefix, settings

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measures, where the epoch is one to look at; every process does, and logs its own."""
        if (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        found = probe(pl_module, self.data, self.protocols, 0, **self.settings)
        pl_module.log_dict({f"{self.prefix}{name}": value for name, value in found.items()})


def _generators(data: Any) -> Iterator[torch.Generator]:
    """Yields those that loaders draw from: one of them may be the training's."""
    for loader in data if isinstance(data, tuple) else (data,):
        holders = (loader, *(getattr(loader, name, None) for name in ("sampler", "batch_sampler")))
        found = (getattr(holder, "generator", None) for holder in holders)
        yield from (each for each in found if isinstance(each, torch.Generator))


def _is_pair(data: Any) -> bool:
    return isinstance(data, tuple) and len(data) == 2 and not isinstance(data[1], Tensor)


def _embed_all(module: nn.Module, data: Any) -> Part:
    device = next((each.device for each in module.parameters()), torch.device("cpu"))
    embed = getattr(module, "embed", module)
    found: list[Tensor] = []
    labels: list[Tensor] = []
    for batch in _batches(data):
        is_pair = isinstance(batch, list | tuple) and len(batch) == 2
        inputs, own = batch if is_pair else (batch, None)
        if not isinstance(inputs, Tensor):
            raise DataError(f"{outline(batch)}: a probe takes batches (inputs, labels), or inputs")
        h = embed(inputs.to(device))
        if not isinstance(h, Tensor) or h.ndim != 2:
            raise DataError(f"{outline(h)}: a probe takes one vector a sample, (batch, dim)")
        found.append(require_finite(upcast(h)).cpu())
        if own is not None:
            labels.append(torch.as_tensor(own).cpu())
    if not found:
        raise DataError("a probe was given no batch")
    x = torch.cat(found)
    if not labels:
        return Part(lambda: x)
    y = torch.cat(labels)
    return Part(lambda: x, numbers=y) if y.is_floating_point() else Part(lambda: x, y.long())


def _batches(data: Any) -> Iterable[Any]:
    if isinstance(data, tuple | list) and all(isinstance(each, Tensor) for each in data):
        data = TensorDataset(*data)
    elif isinstance(data, Tensor):
        data = DataLoader(data, BATCH)  # type: ignore[arg-type]
    return DataLoader(data, BATCH) if isinstance(data, Dataset) else data
