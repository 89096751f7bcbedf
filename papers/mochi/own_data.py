"""What MoCHi fits to images of the user's own: no more hard keys than its queue has."""

from typing import Any

from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Plans fewer hard keys where the queue is short."""
    if draft.has("method.num_hard"):
        hard = min(draft.get("method.num_hard"), draft.get("method.queue_length"))
        draft.fit("method.num_hard", hard, "the queue's length")
