"""Equal texts of a batch, which a contrast would take for negatives of each other."""

import torch
import torch.nn.functional as F
from torch import Tensor

# Odd and far from small multiples of 2^64: what differs in tokens or in their order differs in key.
MULTIPLIER = 6364136223846793005


def token_keys(ids: Tensor, mask: Tensor) -> Tensor:
    """Returns a whole number for each text, ``(...)`` int64, equal where the tokens are equal.

    Different texts have an equal number by a chance of about 2^-64. Padding behind a text does not
    count, so that the numbers of all processes can be compared.

    Args:
        ids: Ids of tokens, ``(..., tokens)``.
        mask: The same shape, true at tokens.
    """
    powers = torch.full(ids.shape[-1:], MULTIPLIER, device=ids.device).cumprod(0)  # modulo 2^64
    return ((ids.long() + 1) * mask * powers).sum(-1)


def duplicates(keys: Tensor, positives: Tensor) -> Tensor:
    """Tells which columns share a key with the row's positive, itself apart: ``(rows, columns)``.

    Args:
        keys: ``(columns, keys)``, what stands for the texts of each column.
        positives: ``(rows,)``, the column of each row's positive.
    """
    equal = torch.zeros(len(positives), len(keys), dtype=torch.bool, device=keys.device)
    for own in keys[positives].T:
        for other in keys.T:
            equal |= own[:, None] == other
    return equal.scatter(1, positives[:, None], False)


def cross_entropy_without(
    scores: Tensor, positives: Tensor, left_out: Tensor, smoothing: float
) -> Tensor:
    """Returns the sum over rows of the cross-entropy among the columns that are not left out.

    Args:
        scores: ``(rows, columns)``.
        positives: ``(rows,)``, the column of each row's positive.
        left_out: ``(rows, columns)``, false at positives.
        smoothing: The share of the target that is spread over the columns that count.
    """
    scores = scores.masked_fill(left_out, -torch.inf)
    loss = F.cross_entropy(scores, positives, reduction="sum")
    if not smoothing:
        return loss
    others = -scores.log_softmax(1).masked_fill(left_out, 0.0)
    spread = others.sum(1) / (~left_out).sum(1)
    return (1 - smoothing) * loss + smoothing * spread.sum()
