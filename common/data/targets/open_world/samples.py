"""What a set of known and novel classes is made of."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from common.errors import DataError
from common.evaluation.open_world_inputs import ImagesByRow

# Tags of a row, as the tables of OW-DFA have them.
UNUSED, LABELLED, UNLABELLED = 0, 1, 2


class Part(NamedTuple):
    """One split. ``labels``: (num,) true classes, known ones first; ``tags``: (num,)."""

    images: ImagesByRow
    labels: Tensor
    tags: Tensor


@dataclass(frozen=True)
class OpenWorldSet:
    """Training and test images; classes below ``num_known`` are those with labels.

    ``note`` or ``warning`` says how a user's table stands to the published one.
    """

    train: Part
    test: Part
    class_names: tuple[str, ...]
    num_known: int
    fingerprint: str
    size: int
    note: str = ""
    warning: str = ""


def check_parts(name: str, found: OpenWorldSet) -> None:
    """Raises `DataError` unless known and novel classes are what their labels and tags say.

    Labels of known classes must come first: a metric tells known from novel by the number alone.
    """
    labels, tags = found.train.labels, found.train.tags
    labelled = labels[tags == LABELLED]
    if len(labelled) == 0:
        raise DataError(
            f"{name}: no training image is labelled (tag {LABELLED}); known classes need some"
        )
    known = set(labelled.tolist())
    inside = sorted(set(range(int(labelled.max()) + 1)) - known)
    if inside:
        names = ", ".join(found.class_names[label] for label in inside)
        raise DataError(
            f"{name}: class {names} (label {inside[0]}) has no labelled image; number novel "
            "classes after the known ones"
        )


def with_labels(part: Part, labels: str) -> Part:
    """Returns the training part as an arm may see it.

    Args:
        part: As tagged.
        labels: "as-tagged"; "labelled-only", without unlabelled rows; "all", every row labelled.
    """
    if labels == "all":
        return part._replace(tags=torch.full_like(part.tags, LABELLED))
    if labels == "labelled-only":
        rows = (part.tags == LABELLED).nonzero()[:, 0]
        return Part(Rows(part.images, rows), part.labels[rows], part.tags[rows])
    return part


class Rows:
    """Some rows of other images."""

    def __init__(self, images: ImagesByRow, rows: Tensor) -> None:
        self.images, self.rows = images, rows

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Returns the images at ``rows`` of the rows that are kept."""
        return self.images[self.rows[rows]]
