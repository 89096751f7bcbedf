"""What spares a wait for the device: values that the host knows, copies that nobody waits for."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

T = TypeVar("T")


class HostCopy(Generic[T]):
    """Remembers a value read from a tensor for as long as nothing else has written to it.

    Torch counts the writes to a tensor, also those through a view of it. A state that is loaded,
    another device or a copy is therefore read anew: the tensor alone holds the truth.

    Args:
        read: Returns the value; waits for the tensor's device.
    """

    def __init__(self, read: Callable[[Tensor], T]) -> None:
        self._read = read
        self._known: WeakIdKeyDictionary = WeakIdKeyDictionary()

    def get(self, tensor: Tensor) -> T:
        """Returns the value of ``tensor`` as it stands."""
        found: tuple[int, T] | None = self._known.get(tensor)
        if found is None or found[0] != tensor._version:
            return self.set(tensor, self._read(tensor))
        return found[1]

    def set(self, tensor: Tensor, value: T) -> T:
        """Notes ``value``, known without a look, after one's own write; returns it."""
        self._known[tensor] = (tensor._version, value)
        return value


# Of whole numbers, such as seeds and positions.
WHOLE_NUMBER: HostCopy[int] = HostCopy(int)


def on_device(values: Tensor, device: torch.device) -> Tensor:
    """Returns ``values`` on ``device``; on the way to a GPU nobody waits for what runs there."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()  # from other memory a copy is a wait
    return values.to(device, non_blocking=True)
