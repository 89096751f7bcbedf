"""What the contrastive gap fits to images and captions of the user's own."""

from typing import Any

from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Measures the gap first, which any images and captions have."""
    protocols = ["gap", *draft.get("evaluation.protocols")]
    draft.choose("evaluation.protocols", protocols, "how far images and captions lie apart, too")
