"""What Hydra asks of images of the user's own: classes enough for a pair and a third."""

from typing import Any

from common.own_data.draft import Draft

NEEDED = {"identical": 2}


def fit(found: Any, draft: Draft) -> None:
    """Notes an obstacle where there are fewer than three classes."""
    pairs = "identical" if "baseline" in draft.words else draft.get("method.pairs")
    needed = NEEDED.get(pairs, 3)
    if 2 <= len(found.classes) < needed:
        names = ", ".join(found.classes)
        draft.refuse(
            f"{found.path}: Hydra tells a pair of classes from a third, so it needs three; there "
            f"are two ({names}): add one, or use method.pairs=identical"
        )
