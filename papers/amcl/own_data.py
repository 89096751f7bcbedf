"""What AMCL fits to images of the user's own: on Barlow Twins it reads channels over the batch."""

from typing import Any

from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Plans channels as long as the batch is large."""
    if draft.has("method.channel_batch") and draft.get("method.base") == "barlow-twins":
        draft.fit("method.channel_batch", draft.get("data.batch_size"), "images of a batch")
