"""What MoCHi fits to images of the user's own: a queue with fewer keys than there are images."""

from typing import Any

from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Plans a queue of whole batches, at most half of the training images, and fewer hard keys.

    MoCo's queue is MoCHi's; other baselines have none.
    """
    if not draft.has("method.queue_length"):
        return
    batch, length = draft.get("data.batch_size"), draft.get("method.queue_length")
    fitting = max(draft.trained // (2 * batch), 1) * batch
    if fitting < length:
        why = (
            f"at most half of {draft.trained} training images, so that few keys are the query's own"
        )
        draft.choose("method.queue_length", fitting, why)
    if draft.has("method.num_hard"):
        hard = min(draft.get("method.num_hard"), draft.get("method.queue_length"))
        draft.fit("method.num_hard", hard, "the queue's length")
