"""Colour operations on batches, each row with its own factor; defined as torchvision defines them.

``x``: (num, channels, height, width) in 0..1 with 1 or 3 channels; factors: (num,).
"""

from itertools import permutations

import torch
from torch import Tensor

from common.distributed.device import on_device

# ITU-R 601 luma, the weights of torchvision and Pillow.
GREY_WEIGHTS = (0.2989, 0.587, 0.114)
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
ORDERS = torch.tensor(list(permutations(range(4))))
# Pillow's 128 of 255.
SOLARISE_THRESHOLD = 128 / 255


def grey(x: Tensor) -> Tensor:
    """Returns (num, 1, height, width); one channel is grey already."""
    if x.shape[1] == 1:
        return x
    red, green, blue = x.unbind(1)
    weighted = red * GREY_WEIGHTS[0]
    weighted.add_(green, alpha=GREY_WEIGHTS[1]).add_(blue, alpha=GREY_WEIGHTS[2])
    return weighted.unsqueeze(1)


def to_grey(x: Tensor) -> Tensor:
    """Returns ``x`` without colour, in as many channels."""
    return grey(x).expand_as(x)


def jitter(x: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue, for each row in its own order.

    Args:
        x: Images.
        factors: (num, 4) of brightness, contrast, saturation (1 keeps) and hue (0 keeps), on the
            CPU.
        order: (num,) rows of `ORDERS`, on the CPU.
    """
    steps = ORDERS[order]
    weights = _blend_weights(steps, factors.gather(1, steps)).unbind(1)
    for step, blend_weights in zip(steps.unbind(1), weights, strict=True):
        x = _blend(x, on_device(blend_weights, x.device))
        rows = (step == HUE).nonzero()[:, 0]
        if len(rows) and x.shape[1] == 3:
            there = on_device(rows, x.device)
            turned = shift_hue(x.index_select(0, there), on_device(factors[rows, HUE], x.device))
            x.index_copy_(0, there, turned)
    return x


def _blend_weights(steps: Tensor, factors: Tensor) -> Tensor:
    """Returns (3, 4, num): of each of the four ``steps`` what `_blend` takes.

    Args:
        steps: (num, 4) operations, in the order of each row.
        factors: (num, 4) theirs.
    """
    keep = torch.where(steps == HUE, 1, factors)
    with_mean = torch.where(steps == CONTRAST, 1 - factors, 0)
    with_grey = torch.where(steps == SATURATION, 1 - factors, 0)
    return torch.stack([keep, with_mean, with_grey]).transpose(1, 2)


def _blend(x: Tensor, weights: Tensor) -> Tensor:
    """Blends each row with black, the mean grey or the grey image, as ``weights`` (3, num) say.

    All three are ``factor * x + (1 - factor) * other``, so one pass serves every row.
    """
    keep, with_mean, with_grey = weights[:, :, None, None, None].unbind()
    light = grey(x)
    mean = light.mean((2, 3), keepdim=True)
    other = (light * with_grey).add_(mean * with_mean)
    return (x * keep).add_(other).clamp_(0, 1)


def shift_hue(x: Tensor, shift: Tensor) -> Tensor:
    """Turns the hue by ``shift`` (1 is a whole turn) at equal value and chroma.

    With h in sixths of a turn, a channel of the HSV hexcone is
    ``value - chroma * clip(min(k, 4 - k), 0, 1)``, k = (h + 5, 3 or 1) mod 6.
    """
    red, green, blue = x.unbind(1)
    value, least = x.amax(1), x.amin(1)
    chroma = value - least
    # 0 or 1 as numbers: on CPUs comparing and choosing take five times as long as arithmetic.
    not_red, not_green = (value - red).sign_(), (value - green).sign_()
    blue_leads = not_red * not_green
    green_leads = not_red - blue_leads
    ahead = (green - blue).mul_(1 - not_red)
    ahead.add_((blue - red).mul_(green_leads)).add_((red - green).mul_(blue_leads))
    # Grey has no hue; any divisor keeps it grey.
    divisor = chroma + (1 - chroma.sign())
    sixth = ahead.div_(divisor).add_(not_red.add_(blue_leads), alpha=2)
    # In turns, made positive so that the fraction is the remainder.
    turn = sixth.div_(6).add_(shift[:, None, None] + 1).unsqueeze(1)
    offsets = on_device(torch.tensor([5 / 6, 3 / 6, 1 / 6], dtype=x.dtype), x.device)
    k = (turn + offsets.reshape(1, 3, 1, 1)).frac_().mul_(6)
    # min(k, 4 - k) = 2 - |k - 2|; in place, for fresh memory costs more than the arithmetic.
    distance = k.sub_(2).abs_().neg_().add_(2).clamp_(0, 1)
    return distance.mul_(chroma.unsqueeze(1)).neg_().add_(value.unsqueeze(1))


def solarise(x: Tensor) -> Tensor:
    """Inverts what is at least `SOLARISE_THRESHOLD`."""
    return torch.where(x >= SOLARISE_THRESHOLD, 1 - x, x)
