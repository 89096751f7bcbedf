"""A device that is not the CPU, made of CPU tensors: it tells what a GPU would refuse or await."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from lightning import LightningModule
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

# The name that the device goes by: torch knows it everywhere and computes nothing there.
DEVICE = torch.device("meta")
ROOT = Path(__file__).resolve().parents[1]
HALVES = ("papers", "common")
aten = torch.ops.aten
# What tells the host a value, or makes something whose size hangs on values: a GPU is waited for.
LOOKS = {
    aten._local_scalar_dense,
    aten.equal,
    aten.nonzero,
    aten.masked_select,
    aten.unique_dim,
    aten.unique_consecutive,
    aten._unique2,
    aten.bincount,
    aten.histc,
    aten.multinomial,
    aten._linalg_svd,
    aten._linalg_eigh,
    aten._linalg_check_errors,
}
COPIES = {aten._to_copy, aten.copy_}
INDEXED = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}


class OnDevice(Tensor):
    """A tensor of the device; ``inner``, of the CPU, holds its numbers."""

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> "OnDevice":
        """Returns ``inner`` as a tensor of `DEVICE`."""
        form: dict[str, Any] = {}
        if inner.layout == torch.strided:
            form = {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        made: OnDevice = Tensor._make_wrapper_subclass(
            cls, inner.size(), dtype=inner.dtype, device=DEVICE, **form
        )
        made.inner = inner
        return made

    @property
    def layout(self) -> torch.layout:  # type: ignore[override]
        """What ``inner`` has: torch can make no sparse tensor of another class."""
        return self.inner.layout

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Computes on the CPU."""
        return compute(func, args, kwargs or {}, lambda _: None)


def compute(func: Any, args: Any, kwargs: Any, note: Callable[[str], None]) -> Any:
    """Computes ``func`` on the CPU, as the device of its inputs, and notes what that costs."""
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    ours = [tensor for tensor in given if isinstance(tensor, OnDevice)]
    lost = [t for t in given if t.device == DEVICE and not isinstance(t, OnDevice)]
    assert not lost, f"{func}: torch made a tensor on {DEVICE} unseen, and its numbers are lost"
    target = kwargs.get("device")
    if not ours and (target is None or torch.device(target) != DEVICE):
        return func(*args, **kwargs)
    for message in notes(func, args, kwargs, given, ours):
        note(message)
    if target is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    plain_args, plain_kwargs = tree_map(bare, (args, kwargs))
    found = func(*plain_args, **plain_kwargs)
    if func.overloadpacket is aten.copy_ and not isinstance(args[0], OnDevice):
        return args[0]
    if target is not None and torch.device(target) != DEVICE:  # a copy to the host
        return found.clone() if func.overloadpacket is aten._to_copy else found
    found = tree_map(lambda leaf: OnDevice(leaf) if isinstance(leaf, Tensor) else leaf, found)
    return return_and_correct_aliasing(func, args, kwargs, found) if ours else found


def bare(leaf: Any) -> Any:
    """Returns the CPU's tensor of one of the device's, and anything else as it is."""
    return leaf.inner if isinstance(leaf, OnDevice) else leaf


def notes(func: Any, args: Any, kwargs: Any, given: list[Tensor], ours: list[Tensor]) -> list[str]:
    """Returns what a GPU would refuse or wait for in this call."""
    packet, name = func.overloadpacket, func.overloadpacket.__name__
    host = [tensor for tensor in given if not isinstance(tensor, OnDevice)]
    if packet in LOOKS:
        return [f"look by {name}"]
    if packet in COPIES:
        to_host = torch.device(kwargs.get("device") or args[0].device) != DEVICE
        if to_host and ours:
            return ["look by a copy to the host"]
        waits = host and not kwargs.get("non_blocking", (*args, *[False] * 3)[2])
        return ["wait for a copy from the host"] if waits else []
    if packet in INDEXED and isinstance(args[0], OnDevice):
        places = [place for place in args[1] if place is not None]
        if any(not isinstance(place, OnDevice) for place in places):
            return ["wait for places from the host"]
        filled = packet is not aten.index and args[2].numel() == 1
        masks = any(place.dtype in (torch.bool, torch.uint8) for place in places)
        return ["look at a mask's length"] if masks and not filled else []
    # A GPU takes single numbers of the host where it works number by number.
    pointwise = torch.Tag.pointwise in func.tags
    wrong = any(tensor.dim() or not pointwise for tensor in host)
    return [f"wrong device in {name}"] if wrong and ours else []


class Made(TorchFunctionMode):
    """Gives tensors that are made of Python's numbers on the device their values."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Makes them on the CPU and copies them, as torch does for a GPU."""
        kwargs = kwargs or {}
        if func is Tensor.tolist:
            return func(args[0].cpu())
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[1], list):
            args = (args[0], torch.tensor(args[1]).to(args[0].device), *args[2:])
        if func is Tensor.new_tensor:
            kwargs = {"dtype": args[0].dtype, "device": args[0].device, **kwargs}
            func, args = torch.tensor, args[1:]
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            return func(*args, **{**kwargs, "device": "cpu"}).to(kwargs["device"])
        return func(*args, **kwargs)


class Device(TorchDispatchMode):
    """While it is entered, `DEVICE` computes; ``found`` holds a line for each wait or refusal."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.watching = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Computes on the CPU and notes what a GPU would refuse or wait for."""
        return compute(func, args, kwargs or {}, self.note)

    def note(self, message: str) -> None:
        """Adds ``message`` with the place in this project that it happened at."""
        if self.watching or message.startswith("wrong"):
            self.found.add(f"{running()}: {message}")


def running() -> str:
    """Returns file and function of the project's code that is running."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        path, name = Path(frame.f_code.co_filename), frame.f_code.co_name
        inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in HALVES
        if inside and not name.startswith("<"):
            return f"{path.relative_to(ROOT)} {name}"
        frame = frame.f_back
    return "backward pass or optimizer"


def move(module: nn.Module) -> None:
    """Moves ``module`` to the device, its parameters staying the same objects."""
    for parameter in module.parameters():
        there = nn.Parameter(OnDevice(parameter.data), parameter.requires_grad)
        torch.utils.swap_tensors(parameter, there)
    for part in module.modules():
        if isinstance(part, LightningModule):
            part._device = DEVICE
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = OnDevice(buffer)


class DeviceStrategy(SingleDeviceStrategy):
    """Lightning's strategy for one device that is not the CPU."""

    def __init__(self) -> None:
        accelerator = CPUAccelerator()
        accelerator.setup_device = lambda device: None  # type: ignore[method-assign]
        super().__init__(DEVICE, accelerator)

    def model_to_device(self) -> None:
        """Moves the module."""
        move(self.lightning_module)

    def teardown(self) -> None:
        """Leaves the module where it is."""


@contextmanager
def device() -> Iterator[Device]:
    """Lets `DEVICE` compute; autocast, which refuses it, does nothing there."""
    with (
        patch.object(torch, "autocast", lambda *_, **__: nullcontext()),
        Made(),
        Device() as found,
    ):
        yield found
