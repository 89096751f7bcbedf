"""FT's transformations of features and the loss on raw products (arXiv 2108.02982)."""

import torch
from torch import Tensor

from common.losses.chunked import sum_over_row_chunks

CHUNK_ROWS = 512


def transform_positives(q: Tensor, k: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """Returns ``lam q + (1 - lam) k`` and ``lam k + (1 - lam) q``, not normalised (code: Eq. 2).

    With lam above 1 they lie farther apart than before, and are longer. Both carry gradient to
    ``q``.

    Args:
        q: ``(batch, dim)``, unit queries.
        k: ``(batch, dim)``, unit keys.
        lam: One number, ``(batch, 1)`` or ``(batch, dim)``.
    """
    return lam * q + (1 - lam) * k, lam * k + (1 - lam) * q


def transform_negatives(queue: Tensor, mu: Tensor, order: Tensor) -> Tensor:
    """Returns ``mu n_i + (1 - mu) n_order[i]``, a new tensor ``(length, dim)``, not normalised.

    Args:
        queue: ``(length, dim)``, unit keys.
        mu: One number, ``(length, 1)`` or ``(length, dim)``.
        order: ``(length,)``, a permutation.
    """
    return mu * queue + (1 - mu) * queue[order]


def product_logits(q: Tensor, k: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Returns ``(rows, 1 + length)`` products over the temperature, of any norms: key, queue."""
    return torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / temperature


def product_contrast(q: Tensor, k: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Returns the mean cross-entropy of `product_logits` with the key; nothing is normalised.

    Several processes: the mean is over this process's queries, so that averaged gradients are
    those of the global batch.

    Args:
        q: ``(batch, dim)``, with gradient.
        k: ``(batch, dim)``, which may carry gradient, too.
        queue: ``(length, dim)``.
        temperature: Divides the products.
    """

    def row_loss(rows: slice, q: Tensor, k: Tensor) -> Tensor:
        logits = product_logits(q[rows], k[rows], queue, temperature)
        return (logits.logsumexp(1) - logits[:, 0]).sum()

    return sum_over_row_chunks(row_loss, len(q), CHUNK_ROWS, q, k) / len(q)


def score_statistics(positive: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Returns what the paper draws of each query's scores, ``(rows, 5)``.

    Mean and unbiased variance of the negatives' scores, the positive's score, the mean of
    exp(negative / T), and exp(positive / T).

    Args:
        positive: ``(rows,)``, products before they are divided by the temperature.
        negatives: ``(rows, length)``.
        temperature: T.
    """
    columns = [
        negatives.mean(1),
        negatives.var(1),
        positive,
        (negatives / temperature).exp().mean(1),
        (positive / temperature).exp(),
    ]
    return torch.stack(columns, 1)
