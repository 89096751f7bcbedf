"""What Hydra asks of images of the user's own: classes enough for a pair and a third."""

from typing import Any

from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Notes an obstacle where there are fewer than three classes."""
    pairs = draft.get("method.pairs") if draft.has("method.pairs") else "identical"
    if pairs != "identical" and len(found.classes) == 2:
        names = ", ".join(found.classes)
        draft.refuse(
            f"{found.path}: Hydra tells a pair of classes from a third, so it needs three; there "
            f"are two ({names}): add one, or use method.pairs=identical"
        )
