"""What WhitenedCSE fits to lines of the user's own: the groups of a language model's channels."""

from typing import Any

from common.own_data.draft import Draft
from papers.whitenedcse.config import WhitenedCSEConfig


def fit(found: Any, draft: Draft) -> None:
    """Plans the published groups where a language model takes the place of the small encoder."""
    checkpoint = draft.get("method.encoder.checkpoint")
    if checkpoint is not None and draft.base.method.encoder.checkpoint is None:
        draft.choose("method.groups", WhitenedCSEConfig.groups, "as published, of 768 channels")
