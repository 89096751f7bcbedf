"""Two loaders, or what data prepare, as `Trainer.validate` and `Trainer.test` show them."""

import inspect
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from common.distributed.collectives import gather
from common.errors import DataError, outline
from common.evaluation.config import EvaluationConfig, evaluation_schema
from common.evaluation.run_protocols import run_protocols
from common.evaluation.vectors import Vectors, labelled_vectors
from common.losses.precision import upcast
from common.registry import PROTOCOLS

NAMES = ("knn", "linear")
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
        # A type checker takes what a module has for a tensor or a module, which this method is not.
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
