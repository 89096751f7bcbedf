"""CPL's losses, as the published code has them.

``CE + glv_weight * GLV + pseudo_weight * CSP - entropy_weight * H``. In float32 or wider. Several
processes: each calls them with the rows of all (gathered with gradient), so that losses are equal
on all of them and averaged gradients are those of one process.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.precision import upcast

# Code: torch's binary cross-entropy cuts the logarithm here.
LOG_FLOOR = -100.0
# Code: least probability in the entropy.
PROBABILITY_FLOOR = 1e-8


def margin_cross_entropy(logits: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Returns the mean cross-entropy after ``margin`` is added to each true class's logit.

    A positive margin eases known classes: their loss saturates earlier.

    Args:
        logits: ``(rows, classes)``.
        labels: ``(rows,)``.
        margin: The code's m, with its sign turned, times its scale.
    """
    logits = upcast(logits)
    raised = logits + margin * F.one_hot(labels, logits.shape[1]).to(logits)
    return F.cross_entropy(raised, labels)


def pair_consistency(logits: Tensor, partners: Tensor) -> Tensor:
    """Returns the mean of ``-log(pi_i . pi_partner)``; both rows of a pair carry gradient.

    A row paired with itself is sharpened. Computed in log space; a pair costs at most 100.

    Args:
        logits: ``(rows, classes)``.
        partners: ``(rows,)``, indices of rows.
    """
    log_probs = upcast(logits).log_softmax(dim=1)
    agreement = (log_probs + log_probs[partners]).logsumexp(dim=1)
    return -agreement.clamp(min=LOG_FLOOR).mean()


def soft_labels(logits: Tensor, noise: Tensor, temperature: float = 1.0) -> Tensor:
    """Returns soft pseudo-labels, ``(rows, classes)``, without gradient: Gumbel-softmax.

    Args:
        logits: Logits of unlabelled rows, ``(rows, classes)``.
        noise: Standard Gumbel noise, ``(rows, classes)``.
        temperature: The code's is 1; towards 0 labels become hard draws.
    """
    return ((upcast(logits.detach()) + noise) / temperature).softmax(dim=1)


def confidence_weighted(logits: Tensor, soft: Tensor, trusted: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the confidence-based soft pseudo-label loss and its weights.

    The weight is the model's own probability, without noise and **with** gradient, of the class
    that the soft label favours. The mean is over all rows, trusted or not.

    Args:
        logits: Logits of unlabelled rows, ``(rows, classes)``.
        soft: Their `soft_labels`.
        trusted: ``(rows,)``, the votes.
    """
    log_probs = upcast(logits).log_softmax(dim=1)
    favoured = soft.argmax(dim=1, keepdim=True)
    weight = log_probs.gather(1, favoured)[:, 0].exp()
    cross_entropy = -(soft * log_probs).sum(dim=1)
    return (trusted.to(weight) * weight * cross_entropy).mean(), weight


def entropy(probs: Tensor) -> Tensor:
    """Returns the entropy of ``probs`` ``(..., classes)`` in nats, ``(...)``."""
    probs = probs.clamp(min=PROBABILITY_FLOOR)
    return -(probs * probs.log()).sum(dim=-1)


def mean_entropy(logits: Tensor) -> Tensor:
    """Returns the entropy of the mean prediction over all rows; rewarded, it keeps heads in use.

    Args:
        logits: ``(rows, classes)``.
    """
    return entropy(upcast(logits).softmax(dim=1).mean(dim=0))


def hard_pseudo_label(logits: Tensor, mask: Tensor) -> Tensor:
    """Returns the cross-entropy against each row's own argmax, times ``mask``, mean over all rows.

    Args:
        logits: Logits of unlabelled rows, ``(rows, classes)``.
        mask: ``(rows,)``, which rows a rule of `selection` lets through.
    """
    losses = F.cross_entropy(upcast(logits), logits.argmax(dim=1), reduction="none")
    return (losses * mask.to(losses)).mean()


def gumbel(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Returns standard Gumbel noise of ``shape``, drawn on the CPU, as ``like`` is stored."""
    drawn = torch.empty(shape, dtype=torch.float64).exponential_(generator=generator)
    return -drawn.clamp(min=1e-300).log().to(like)
