"""NegCLIP's loss: CLIP's, with hard captions as further columns (arXiv 2210.01936).

The equations are those of the published code, vinid/neg_clip at e680f8e, open_clip/loss.py.
"""

from torch import Tensor

from common.losses.clip import ClipLoss, clip_loss


def negclip_loss(
    images: Tensor,
    captions: Tensor,
    hard_captions: Tensor | None,
    log_scale: Tensor,
    keys: Tensor | None = None,
    hard_keys: Tensor | None = None,
) -> ClipLoss:
    """Returns the cross-entropies of S = exp(log_scale) p q^T, p images and q texts of unit length.

    Images are told their caption among all captions and all hard captions. Captions are told their
    image among all images; a hard caption has none and is no row. The loss is the mean of both.
    In float32 or wider; of several processes it is the loss of the global batch.

    Args:
        images: ``(rows, dim)``, of any norm: the batch, then its near images if there are any.
        captions: The same shape, row i of row i.
        hard_captions: ``(hard, dim)``, or None.
        log_scale: A scalar.
        keys: ``(rows, keys)``, equal where captions are; equal ones are no negatives. Or None.
        hard_keys: ``(hard,)``, those of hard captions.
    """
    return clip_loss(images, captions, log_scale, hard_captions, keys=keys, extra_keys=hard_keys)
