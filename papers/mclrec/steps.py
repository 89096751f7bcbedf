"""How the authors' files hold MCLRec."""

import re
from pathlib import Path

import numpy as np

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


def publish(module: MCLRec, folder: Path) -> Path:
    """Writes the encoder's arrays under the authors' names; returns the file."""
    found = {}
    for name, tensor in module.encoder.state_dict().items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        found[name] = tensor.numpy()
    path = folder / "weights.npz"
    np.savez(path, **found)
    return path
