"""Pairs of classes: which class the positives of an anchor are of (Hydra, and SupCon on pairs)."""

import torch
from torch import Tensor

from common.distributed.collectives import gather, rank
from common.distributed.device import WHOLE_NUMBER, on_device
from common.distributed.draws import keyed_generator
from common.errors import DataError

# A stream of its own: far beyond any epoch, so that no draw of views or order is repeated.
PAIR_STREAM = 2**44


def check_batch_labels(labels: Tensor, position: int) -> None:
    """Raises `DataError` if an image of the batch has no label.

    On a GPU a look is a wait: there the first batch speaks for the others.
    """
    if position > 0 and labels.device.type != "cpu":
        return
    unlabelled = int((labels < 0).sum())
    if unlabelled:
        raise DataError(
            f"data.labelled_only: {unlabelled} of {len(labels)} images of a batch have no label; "
            "true leaves them out"
        )


def arbitrary_partners(labels: Tensor, order: Tensor) -> Tensor:
    """Returns the labels in another order: each partner's class has at least one sample."""
    return labels[order]


def distinct_partners(labels: Tensor, offset: Tensor, num_classes: int) -> Tensor:
    """Returns another class for each label; the batch may hold no sample of it.

    Args:
        labels: ``(batch,)`` in ``0 .. num_classes - 1``.
        offset: ``(batch,)`` in ``1 .. num_classes - 1``.
        num_classes: Number of classes of the data; more would name partners that do not exist.
    """
    return (labels + offset) % num_classes


def draw_partners(
    labels: Tensor, pairs: str, num_classes: int, seed: int | Tensor, batches_seen: int
) -> Tensor:
    """Returns each anchor's partner label, ``(batch,)``, a function of seed and position.

    Several processes: drawn for the global batch, so that each anchor's partner does not depend
    on the number of processes.

    Args:
        labels: ``(batch,)`` of this process.
        pairs: "arbitrary": the labels of the global batch, shuffled. "identical": its own class.
            "distinct": any other class, each as likely.
        num_classes: Number of classes of the data.
        seed: Seed of the run; a module's buffer is read from its device once.
        batches_seen: The position in the training.
    """
    if pairs == "identical":
        return labels
    seed = WHOLE_NUMBER.get(seed) if isinstance(seed, Tensor) else seed
    generator = keyed_generator(seed, PAIR_STREAM, batches_seen)
    everyone = gather(labels)
    own = slice(rank() * len(labels), (rank() + 1) * len(labels))
    if pairs == "arbitrary":
        order = on_device(torch.randperm(len(everyone), generator=generator), labels.device)
        return arbitrary_partners(everyone, order)[own]
    offset = torch.randint(1, num_classes, (len(everyone),), generator=generator)
    return distinct_partners(labels, on_device(offset[own], labels.device), num_classes)
