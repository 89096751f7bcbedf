"""A backbone that encodes a batch in parts: a large batch in the memory of a small one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm
from torch.utils.checkpoint import get_device_states, set_device_states

from common.backbones.build import ENCODES
from common.distributed.batch_norm import GlobalBatchNorm
from common.distributed.collectives import gather
from common.errors import ConfigError

AUTO, PARTS = "auto", "parts"
# Samples that show what one keeps, and whether samples meet in the encoder.
FEW = 8
# Of the free memory: views, heads and loss need some, too, and so does the optimizer's state.
SHARE = 0.5
# A network with `auto` passes whole where as many batches would fit: a step may hold several.
WHOLE = 4
MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Encoder:
    """A function of a network that encodes samples, each apart from the others."""

    name: str
    network: nn.Module
    encode: Callable[..., Any]


class Microbatch(Callback):
    """Has the encoders of a module encode in parts while it trains; the gradients stay the same.

    Of each part only the features are kept. The heads and the loss see the whole batch. In the
    backward pass one part after the other is encoded again, with the same draws, and receives its
    gradients (gradient caching, arXiv 2101.06983, which is activation checkpointing by parts). So
    it is exact for every loss, and memory keeps the activations of one part. Without gradient, as
    in momentum encoders, a part passes once.

    Args:
        size: Samples of a part, each view counted; ``auto`` finds them from the free memory when
            an encoder is first called, and checkpoints keep what was found.
        norm: ``exact`` refuses encoders with batch norm, where samples meet; ``parts`` lets each
            part have statistics of its own, as that many processes without synchronised norm.

    Raises:
        ConfigError: When the training starts: the module has no encoder whose samples pass apart.
    """

    def __init__(self, size: int | str, norm: str = "exact") -> None:
        self.size, self.norm = size, norm
        # What ``auto`` found: bytes, and by encoder the samples of a part.
        self.budget: int | None = None
        self.sizes: dict[str, int] = {}
        self._checked: set[str] = set()
        self._inside = False
        self._wrapped: list[tuple[nn.Module, str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        """Returns what ``auto`` found, so that a resumed run has the same parts."""
        return {"budget": self.budget, "sizes": self.sizes} if self.size == AUTO else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores it."""
        self.budget, self.sizes = state_dict["budget"], dict(state_dict["sizes"])

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuses a module that cannot train in parts."""
        check_encoders(pl_module, self.norm, trainer.world_size)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Puts the parts in; only for the step, so that a copy or an evaluation has none."""
        for encoder in encoders_of(pl_module):
            network, name = encoder.network, encoder.name.rpartition(".")[2]
            self._wrapped.append((network, name, vars(network).get(name)))
            setattr(network, name, partial(self._encode, encoder))

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Takes the parts out, and logs what ``auto`` found as ``perf/microbatch``."""
        self._unwrap()
        if self.sizes:
            pl_module.log("perf/microbatch", float(min(self.sizes.values())))

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Takes the parts out."""
        self._unwrap()

    def _unwrap(self) -> None:
        while self._wrapped:
            network, name, former = self._wrapped.pop()
            delattr(network, name)  # the class has its own
            if former is not None:
                setattr(network, name, former)

    def _encode(self, encoder: Encoder, *inputs: Any, **options: Any) -> Any:
        """Returns what the encoder makes of ``inputs``, tensors of which have a row a sample."""
        if self._inside:  # `feature_map` within `forward`
            return encoder.encode(*inputs, **options)
        rows, learns = _rows(inputs), torch.is_grad_enabled()
        if learns and self.norm != PARTS and encoder.name not in self._checked:
            self._checked.add(encoder.name)
            with self._alone(), _unnoticed(encoder.network, inputs):
                check_apart(encoder, inputs, options)
        size = self._size_for(encoder, inputs, options, learns)
        given, own = (*inputs, *options.values()), tuple(encoder.network.parameters())
        run = partial(self._run, encoder.encode, len(inputs), tuple(options))
        if size is None:
            return run(*given)
        found = []
        for start in range(0, rows, size):
            part, share = slice(start, start + size), min(size, rows - start) / rows
            cut = [_cut(each, part) for each in given]
            kept = _Part.apply(run, encoder.network, share, *cut, *own)
            found.append(kept if isinstance(kept, Tensor) else list(kept))
        return _joined(found)

    def _run(self, encode: Callable[..., Any], inputs: int, names: Any, *given: Any) -> Any:
        options = dict(zip(names, given[inputs:], strict=False))  # parameters follow
        with self._alone():
            return encode(*given[:inputs], **options)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        before, self._inside = self._inside, True
        try:
            yield
        finally:
            self._inside = before

    def _size_for(self, encoder: Encoder, inputs: Any, options: Any, learns: bool) -> int | None:
        """Returns the samples of a part; None to pass all at once."""
        if isinstance(self.size, int):
            return self.size
        rows = _rows(inputs)
        if learns and encoder.name not in self.sizes:
            with self._alone(), _unnoticed(encoder.network, inputs):
                each = bytes_of_sample(encoder, inputs, options)
            if self.budget is None:
                self.budget = int(SHARE * free_memory(inputs[0].device))
            fit = max(self.budget // max(each, 1), 1)
            # A power of two, and all processes alike: one checkpoint serves them all.
            power = torch.tensor([1 << (fit.bit_length() - 1)], device=inputs[0].device)
            self.sizes[encoder.name] = int(gather(power).min())
        size = self.sizes.get(encoder.name, min(self.sizes.values(), default=rows))
        return None if size >= WHOLE * rows else size


def encoders_of(module: nn.Module) -> list[Encoder]:
    """Returns the functions of ``module``'s networks that encode samples, each one apart.

    The builders of backbones mark what they make (`common.backbones.build.as_encoder`), and a copy
    has the mark of what it was copied from: momentum encoders are among them.
    """
    return [
        Encoder(f"{name}.{function}", network, getattr(network, function))
        for name, network in module.named_modules()
        for function in getattr(network, ENCODES, ())
    ]


def check_encoders(module: nn.Module, norm: str, processes: int) -> None:
    """Refuses a module that cannot train in parts.

    Args:
        module: What is trained.
        norm: As in `Microbatch`.
        processes: How many train it.

    Raises:
        ConfigError: It has no encoder, or batch norm joins an encoder's samples.
    """
    encoders, kind = encoders_of(module), type(module).__name__
    if not encoders:
        raise ConfigError(
            f"trainer.microbatch: {kind} has no encoder whose samples pass apart; set it to null"
        )
    for encoder in encoders:
        norms = [part for part in encoder.network.modules() if isinstance(part, _BatchNorm)]
        if norms and norm != PARTS:
            raise ConfigError(
                f"trainer.microbatch: batch norm joins samples in {kind}; use "
                "method.backbone=resnet18_gn or trainer.microbatch_norm=parts"
            )
        synced = any(isinstance(part, GlobalBatchNorm | SyncBatchNorm) for part in norms)
        if synced and processes > 1:
            raise ConfigError(
                f"trainer.microbatch_norm={norm}: the batch norm of {kind} is that of all "
                f"{processes} processes; set method.sync_batch_norm=false"
            )


def check_apart(encoder: Encoder, inputs: Any, options: dict[str, Any]) -> None:
    """Raises `ConfigError` if what a network makes of a sample depends on another one.

    Told by the gradient, where inputs have one: ids of words do not.
    """
    if not inputs[0].is_floating_point() or _rows(inputs) < 2:
        return
    few = [_cut(each, slice(FEW)) for each in inputs]
    few[0] = few[0].detach().requires_grad_()
    with torch.enable_grad():
        # Not the leaf itself: a first layer may change its input in place.
        first = encoder.encode(few[0] * 1, *few[1:], **_few(options))[0].flatten()
        # Unequal weights: after a layer norm the plain sum is a constant.
        weights = torch.linspace(1, 2, len(first), dtype=first.dtype, device=first.device)
        if not first.requires_grad:
            return
        (slope,) = torch.autograd.grad((first * weights).sum(), few[0], allow_unused=True)
    if slope is not None and bool((slope[1:].abs() > 0).any()):
        raise ConfigError(
            f"trainer.microbatch: samples meet in {type(encoder.network).__name__}, which no "
            "part can follow; use null, or trainer.microbatch_norm=parts"
        )


def bytes_of_sample(encoder: Encoder, inputs: Any, options: dict[str, Any]) -> int:
    """Returns how many bytes the backward pass keeps of each sample of ``inputs``."""
    few = [_cut(each, slice(FEW)) for each in inputs]
    own = [*encoder.network.parameters(), *encoder.network.buffers(), *filter(_is_tensor, few)]
    known = {tensor.untyped_storage().data_ptr() for tensor in own}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
        found = encoder.encode(*few, **_few(options))
    total = sum(kept.values())
    del found  # until here it held them all, so that no two had one place
    return total // _rows(few)


def free_memory(device: torch.device) -> int:
    """Returns how many bytes a training may still take on ``device``."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + unused
    if MEMINFO.is_file():
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


class _Part(torch.autograd.Function):
    """Encodes a part without a graph, and again with one when its gradients are asked for.

    It is given what the encoder takes and the encoder's parameters. Pieces of a graph, as
    `torch.utils.checkpoint` keeps them of a first pass, tear the heap of glibc.
    """

    @staticmethod
    def forward(
        ctx: Any, run: Callable[..., Any], network: nn.Module, share: float, *given: Any
    ) -> Any:
        ctx.run, ctx.network, ctx.given = run, network, given
        ctx.modes = [part.training for part in network.modules()]
        ctx.drawn, ctx.drawn_on = torch.get_rng_state(), get_device_states(given[0])
        kind = given[0].device.type
        casts, dtype = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
        # No cache: weights that were cast without a graph have no gradients.
        ctx.cast = torch.autocast(kind, dtype, casts, cache_enabled=False)
        ctx.set_materialize_grads(False)
        with ctx.cast, _tracking(network, share):
            found = run(*given)
        return found if isinstance(found, Tensor) else tuple(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor | None) -> Any:
        needed = ctx.needs_input_grad[3:]
        # Parameters stay themselves: the encoder has them.
        given = [
            value.detach().requires_grad_(asked)
            if isinstance(value, Tensor) and not isinstance(value, nn.Parameter)
            else value
            for value, asked in zip(ctx.given, needed, strict=True)
        ]
        with torch.enable_grad(), torch.random.fork_rng(ctx.drawn_on[0]):
            torch.set_rng_state(ctx.drawn)
            set_device_states(*ctx.drawn_on)
            with ctx.cast, _again(ctx.network, ctx.modes):
                found = ctx.run(*given)
        outputs = [found] if isinstance(found, Tensor) else found
        used = [
            slope is not None and h.requires_grad for h, slope in zip(outputs, slopes, strict=True)
        ]
        of, by, to = [
            list(compress(*each)) for each in ((outputs, used), (slopes, used), (given, needed))
        ]
        gradients = iter(torch.autograd.grad(of, to, by, allow_unused=True))
        return None, None, None, *(next(gradients) if asked else None for asked in needed)


@contextmanager
def _tracking(network: nn.Module, share: float) -> Iterator[None]:
    """Has running statistics move by ``share`` of a batch's move; of 0 nothing is counted."""
    norms = [part for part in network.modules() if isinstance(part, _BatchNorm)]
    former = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    counts = [count if count is None else count.clone() for _, _, count in former]
    for norm, momentum, _ in former:
        if share == 0 or momentum is not None:
            norm.momentum = share * (momentum or 0)
    try:
        yield
    finally:
        for (norm, momentum, count), before in zip(former, counts, strict=True):
            norm.momentum = momentum
            if share == 0 and count is not None and before is not None:
                count.copy_(before)


@contextmanager
def _again(network: nn.Module, modes: list[bool]) -> Iterator[None]:
    """Restores the modes of the first pass; running statistics, which it moved, stay."""
    parts = list(network.modules())
    former = [part.training for part in parts]
    for part, mode in zip(parts, modes, strict=True):
        part.training = mode
    try:
        with _tracking(network, 0):
            yield
    finally:
        for part, mode in zip(parts, former, strict=True):
            part.training = mode


@contextmanager
def _unnoticed(network: nn.Module, inputs: Any) -> Iterator[None]:
    """Gives random states and buffers back after a pass that is no part of the training."""
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    devices = [inputs[0].device] if inputs[0].is_cuda else []
    with torch.random.fork_rng(devices):
        yield
    for buffer, value in buffers:
        buffer.copy_(value)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _rows(inputs: Any) -> int:
    return len(next(filter(_is_tensor, inputs)))


def _cut(value: Any, part: slice) -> Any:
    return value[part] if isinstance(value, Tensor) else value


def _few(options: dict[str, Any]) -> dict[str, Any]:
    return {name: _cut(value, slice(FEW)) for name, value in options.items()}


def _joined(parts: list[Any]) -> Any:
    """Returns one output of those of the parts; of a list, such as a network's states, each."""
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    # Each is let go as soon as it is joined: all states twice would be much memory.
    return [torch.cat([part.pop(0) for part in parts]) for _ in range(len(parts[0]))]
