"""What AMCL fits to images of the user's own: channels on Barlow Twins, the queue on MoCo."""

from typing import Any

from common.data.images.own import fit_queue
from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Plans channels as long as the batch is large, and a queue of half of the images."""
    base = draft.get("method.base") if draft.has("method.base") else None
    if base == "moco":
        fit_queue(draft)
    elif base == "barlow-twins":
        draft.fit("method.channel_batch", draft.get("data.batch_size"), "images of a batch")
