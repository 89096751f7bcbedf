"""CLIP's contrast where texts that show nothing share one NULL image (TIP-CLIP, 2305.10434).

No official code was found: both forms are a reading of the paper, the second one our own.
"""

import torch
from torch import Tensor

from common.losses.clip import ClipLoss, clip_loss
from common.losses.precision import unit, upcast


def repeated_null_loss(
    u: Tensor, v: Tensor, visual: Tensor, null: Tensor, log_scale: Tensor
) -> ClipLoss:
    """Returns CLIP's loss with the NULL image as the partner of each text that is not visual.

    Its copies are negatives of each other, so the least loss is above 0.

    Args:
        u: Images, ``(batch, dim)``; those of texts that are not visual take no part.
        v: Texts, ``(batch, dim)``.
        visual: ``(batch,)``, whether a text shows something.
        null: ``(dim,)``, the NULL image's vector, of any norm.
        log_scale: A scalar.
    """
    return clip_loss(torch.where(visual[:, None], u, null.expand_as(u)), v, log_scale)


def merged_null_loss(
    u: Tensor, v: Tensor, visual: Tensor, null: Tensor, log_scale: Tensor
) -> ClipLoss:
    """Returns the loss with one NULL image for all, so that no right pair is a negative.

    The row of the NULL image is the mean over its texts. One process.

    Args:
        u: Images, ``(batch, dim)``; those of texts that are not visual take no part.
        v: Texts, ``(batch, dim)``.
        visual: ``(batch,)``, whether a text shows something.
        null: ``(dim,)``, the NULL image's vector, of any norm.
        log_scale: A scalar.
    """
    with torch.autocast(u.device.type, enabled=False):
        num_visual, silent = int(visual.sum()), ~visual
        own = torch.cat([unit(u)[visual], unit(null)[None][: int(silent.any())]])
        scores = upcast(log_scale).exp() * unit(v) @ own.T  # (texts, images)
        target = torch.where(visual, visual.cumsum(0) - 1, num_visual)
        text_to_image = torch.nn.functional.cross_entropy(scores, target)
        # How likely each text is the one of its image, among all texts.
        each = scores.log_softmax(0).gather(1, target[:, None])[:, 0]
        rows = torch.cat(
            [each[visual], each[silent].mean(0, keepdim=True)[: len(own) - num_visual]]
        )
        image_to_text = -rows.mean()
    return ClipLoss((image_to_text + text_to_image) / 2, image_to_text, text_to_image)
