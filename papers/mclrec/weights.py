"""The authors' published weights in our module."""

import re
from pathlib import Path

from common.backbones.published import check_fit, read_state_dict
from papers.mclrec.module import MCLRec

# Their names -> ours, in this order; both sides use torch's shapes (linear: out x in).
RENAMES = (
    (r"^trm_encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"multi_head_attention\.", "attention."),
    (r"attention\.dense\.", "attention.out."),
    (r"feed_forward\.dense_1\.", "feed_forward.expand."),
    (r"feed_forward\.dense_2\.", "feed_forward.contract."),
    (r"LayerNorm\.", "norm."),
)


def our_name(name: str) -> str:
    """Returns our encoder's name of the authors' array ``name``."""
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def load_weights(module: MCLRec, path: Path | str) -> None:
    """Fills ``module``'s encoder from the authors' file; augmenters were never published.

    Args:
        module: Module of the same sizes as the published model.
        path: A ``.npz`` of the 36 arrays, or the authors' ``model.pth``.

    Raises:
        DataError: Unreadable, an array too many or too few, or of another shape.
    """
    arrays = {our_name(name): tensor for name, tensor in read_state_dict(path).items()}
    wanted = module.encoder.state_dict()
    mend = "take the data and method that the file was trained with"
    check_fit(path, arrays, wanted, "data and method", lambda *_: mend)
    module.encoder.load_state_dict(arrays)
