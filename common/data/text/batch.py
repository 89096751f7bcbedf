"""What a module's `training_step` receives from the text pipeline."""

from typing import NamedTuple

from torch import Tensor

from common.data.sampler import BatchKey


class TextBatch(NamedTuple):
    """Samples of one or more texts each.

    ``ids``: (batch, texts, tokens) int64, padded to the longest text of the batch; ``mask``:
    (batch, texts, tokens), True at tokens; ``targets``: (batch,) scores, or the number of an entry
    or class, -1 where there is none.
    """

    ids: Tensor
    mask: Tensor
    targets: Tensor
    key: BatchKey
