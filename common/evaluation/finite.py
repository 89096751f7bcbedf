"""What no protocol may measure: NaN wins every comparison that a rank is counted by."""

import torch
from torch import Tensor

from common.errors import LikewiseError


def require_finite(values: Tensor, name: str = "embeddings") -> Tensor:
    """Returns ``values``.

    Raises:
        LikewiseError: One of them is NaN or infinite; says what ``name`` they are.
    """
    finite = torch.isfinite(values)
    if bool(finite.all()):
        return values
    raise LikewiseError(
        f"{name}: {int((~finite).sum()):,} of {values.numel():,} numbers are NaN or infinite; "
        "train anew with a lower optimizer.lr"
    )
