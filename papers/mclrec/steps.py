"""How the authors' files name what MCLRec holds."""

import re
from typing import Any

from numpy.typing import NDArray

from papers.mclrec.module import MCLRec

# Ours -> theirs, in this order.
NAMES = (
    (r"^blocks\.(\d+)\.", r"trm_encoder.layer.\1."),
    (r"\bnorm\.", "LayerNorm."),
    (r"attention\.out\.", "attention.dense."),
    (r"attention\.", "multi_head_attention."),
    (r"feed_forward\.expand\.", "feed_forward.dense_1."),
    (r"feed_forward\.contract\.", "feed_forward.dense_2."),
)


def published(module: MCLRec) -> dict[str, NDArray[Any]]:
    """Returns the encoder's arrays under the authors' names."""
    found = {}
    for name, tensor in module.encoder.state_dict().items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        found[name] = tensor.numpy()
    return found
