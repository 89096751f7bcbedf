"""A loss of the user's in the place of a rival's: the method that `papers try` trains.

It is a method of `METHODS` in the process that has read the user's file, and in no other.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, make_dataclass, replace
from functools import cache, cached_property, wraps
from pathlib import Path
from typing import Any

from lightning import LightningModule
from torch import Tensor, nn

from common.config.schema import OptimizerConfig, Recipe
from common.data.images.batch import as_view_batch
from common.errors import LikewiseError, UsageError, outline
from common.methods.heads import pass_views
from common.paper import get_paper
from common.registry import METHODS
from common.results.record import TRIED
from common.runs.encoders import digest_of_parts, load_own, what_failed
from common.training.diagnostics import is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch

VIEWS = ("z1", "z2", "labels")


@dataclass(frozen=True)
class OwnLoss:
    """What was named on the command line, and its settings.

    Args:
        name: ``file.py:loss``.
        load: Runs the file and returns the function, or the class of a LightningModule.
        settings: Given to each call of the function, or to the class.
        digest: Of the file and the settings, 16 hex digits.
        has_labels: Whether the bench has labels; None stands for them where it has none.
    """

    name: str
    load: Callable[[], Any]
    settings: dict[str, Any]
    digest: str
    has_labels: bool = True

    @cached_property
    def made(self) -> Any:
        """What the file has, made at first use; a copy of this has its own."""
        return self.load()

    @property
    def signature(self) -> inspect.Signature:
        """The arguments; raises `ValueError` where they are not told."""
        call = self.made.forward if isinstance(self.made, nn.Module) else self.made
        return inspect.signature(call)

    @property
    def is_module(self) -> bool:
        """Whether it is the class of a LightningModule rather than a function."""
        return isinstance(self.made, type) and issubclass(self.made, LightningModule)

    @property
    def takes_labels(self) -> bool:
        """Whether the function has an argument ``labels``."""
        return "labels" in self.signature.parameters

    @property
    def all_settings(self) -> dict[str, Any]:
        """Its settings, the defaults included."""
        defaults = {
            name: one.default
            for name, one in self.signature.parameters.items()
            if name not in VIEWS and one.default is not one.empty
        }
        return defaults | self.settings

    def __call__(self, z1: Tensor, z2: Tensor, labels: Tensor | None) -> Tensor:
        """Returns the loss of projections ``(batch, dim)``, a scalar.

        Raises:
            UsageError: It returns something else.
        """
        given = {"labels": labels if self.has_labels else None} if self.takes_labels else {}
        loss = self.made(z1, z2, **given, **self.settings)
        if not isinstance(loss, Tensor) or loss.ndim:
            raise UsageError(f"{self.name}: returns {outline(loss)}; a scalar tensor is needed")
        return loss

    def build(self) -> Any:
        """Returns the user's module; raises `UsageError` where it lacks ``embed``."""
        module = self.load()(**self.settings)
        if not callable(getattr(module, "embed", None)) or not module.automatic_optimization:
            raise UsageError(
                f"{self.name}: needs embed(images) -> (batch, dim), and automatic optimization"
            )
        return module


# By digest, which recipes hold; and by name, what the registry is told to look for here.
LOSSES: dict[str, OwnLoss] = {}
CLASSES: dict[str, Any] = {}


def read_own_loss(word: str, settings: dict[str, Any]) -> OwnLoss:
    """Reads ``file.py:loss``.

    Args:
        word: The file, and the function or LightningModule in it.
        settings: Of the loss.

    Raises:
        UsageError: No such file or function, or one that does not take views and ``settings``.
    """
    path, _, name = word.rpartition(":")
    if not path.endswith(".py"):
        raise UsageError(f"{word}: no loss; name it as file.py:loss")
    load, digest = load_own(Path(path).expanduser(), name, (LightningModule,))
    whole = digest_of_parts([digest, name, json.dumps(settings, sort_keys=True)])
    own = OwnLoss(f"{Path(path).name}:{name}", load, settings, whole)
    _check_signature(own)
    return own


def _check_signature(own: OwnLoss) -> None:
    try:
        signature = own.signature
    except ValueError:  # a function of torch's, or one that it has compiled
        raise UsageError(
            f"{own.name}: does not tell its arguments; call it in a function of Python"
        ) from None
    views = () if own.is_module else (None, None)
    labels = {"labels": None} if own.takes_labels and not own.is_module else {}
    try:
        signature.bind(*views, **labels, **own.settings)
    except TypeError as error:
        form = "the class is called" if own.is_module else "loss(z1, z2, labels=None) is called"
        raise UsageError(
            f"{own.name}{signature}: {error}; {form}, with the settings given as key=value"
        ) from None


def own_recipe(rival: Recipe, own: OwnLoss, lr: float) -> Recipe:
    """Returns the recipe of a rival with the user's loss in the place of its own.

    Args:
        rival: Whose data, network, head, length and seed are taken.
        own: From `read_own_loss`.
        lr: The rate.

    Raises:
        UsageError: A module for data that are no images.
    """
    kind = get_paper(rival.paper).data_kind
    if own.is_module and kind != "images":
        raise UsageError(f"{own.name}: a LightningModule is tried on images alone")
    base = get_paper(rival.paper).module(rival.baseline)
    schema: Any = _with_loss(rival.method.__class__)
    LOSSES[own.digest] = own
    CLASSES[f"{kind}_module"] = OwnModule if own.is_module else _with_own_step(base)
    CLASSES[f"{kind}_config"] = schema
    METHODS.setdefault(kind, {})[TRIED] = (
        f"{__name__}:{kind}_module",
        f"{__name__}:{kind}_config",
    )
    return replace(
        rival,
        arm=f"baseline/{TRIED}",
        baseline=TRIED,
        variant=None,
        method=schema(**vars(rival.method), loss=own.name, digest=own.digest),
        optimizer=replace(rival.optimizer, lr=lr),
        origins={},
    )


def __getattr__(name: str) -> Any:
    """Returns what `own_recipe` has made for the registry."""
    if name not in CLASSES:
        raise AttributeError(f"{__name__}: no {name}")
    return CLASSES[name]


@cache
def _with_loss(schema: type) -> Any:
    """Returns the settings ``schema`` with what tells the user's loss."""
    own = [(name, str, field(default="")) for name in ("loss", "digest")]
    # W&B folds pilots and seeds of one loss into one group.
    group = property(lambda self: f"try/{self.loss}/{self.digest}")
    return make_dataclass("OwnLossConfig", own, bases=(schema,), namespace={"group": group})


@cache
def _with_own_step(base: Any) -> Any:
    """Returns the rival's module ``base`` with the user's loss in place of its own."""
    own: dict[str, Any] = {"backward": _backward}
    own |= {"contrast": _contrast} if hasattr(base, "contrast") else {"training_step": _step}

    @wraps(base.__init__)
    def build(self: Any, method: Any, *given: Any, **named: Any) -> None:
        base.__init__(self, method, *given, **named)
        # What one run has left in the user's file, such as a queue, is not in the next.
        self.own = replace(LOSSES[method.digest])
        self.learnt = self.own.made if isinstance(self.own.made, nn.Module) else None

    return type(f"{base.__name__}WithOwnLoss", (base,), {"__init__": build} | own)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Raises what the code of ``file.py:name`` raises as `LikewiseError`: other trials go on."""
    try:
        yield
    except LikewiseError:
        raise
    except Exception as error:  # whatever the user's code raises
        raise LikewiseError(f"{name}: {what_failed(name, error)}") from error


def _contrast(self: Any, z: Tensor, keys: Tensor | None = None) -> Tensor:
    """Returns the loss of views ``(views, batch, dim)``, a scalar; ``keys`` are not asked."""
    with _told(self.own.name):
        found: Tensor = self.own(z[0], z[1], None)
    return found


def _step(self: Any, batch: object, batch_idx: int) -> Tensor:
    """One step on two views of images."""
    batch = as_view_batch(batch, 2)
    z1, z2 = pass_views(self.project, batch.views, self.method.views_together)
    with _told(self.own.name):
        loss: Tensor = self.own(z1, z2, batch.labels)
    log_embeddings(self, loss, z1.detach(), self.collapse)
    count_batch(self)
    return loss


def _backward(self: Any, loss: Tensor, *given: Any, **named: Any) -> None:
    """Lightning's, where an operation of the user's may fail, too."""
    with _told(self.method.loss):
        LightningModule.backward(self, loss, *given, **named)


class OwnModule(PaperModule):
    """A LightningModule of the user's, which takes ``(views, labels)`` and has ``embed``.

    Args:
        method: Tells which.
        optimizer: The bench's, over all parameters: the module's own is not asked.
        facts: Of the images.
    """

    def __init__(self, method: Any, optimizer: OptimizerConfig, facts: Any) -> None:
        super().__init__()
        self.method, self.optimizer = method, optimizer
        self.keep_settings(method, optimizer, facts)
        self.own = LOSSES[method.digest].build()
        self.own.log = self.own.log_dict = lambda *_, **__: None  # another module is trained

    def embed(self, images: Tensor) -> Tensor:
        """Returns what the user's module does, ``(batch, dim)``."""
        with _told(self.method.loss):
            found: Tensor = self.own.embed(images)
        return found

    backward = _backward

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the user's module, whose logged values are not kept."""
        batch = as_view_batch(batch)
        with _told(self.method.loss):
            loss: Tensor = self.own.training_step((batch.views, batch.labels), batch_idx)
        if is_log_due(self):
            self.log("train/loss", loss.detach())
        count_batch(self)
        return loss
