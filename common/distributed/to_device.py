"""Small tensors of the host to where the images are."""

import torch
from torch import Tensor


def moved(values: Tensor, device: torch.device) -> Tensor:
    """Returns ``values`` on ``device``; on the way to a GPU nobody waits for what runs there."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()  # from other memory a copy is a wait
    return values.to(device, non_blocking=True)
