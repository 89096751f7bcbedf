"""What SepCLR fits to images of the user's own: which classes are the background."""

from typing import Any

from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Plans the class that comes first by name as the background, where no class is the target."""
    if draft.has("method.target_from") and draft.get("method.target_from") >= len(found.classes):
        draft.fit("method.target_from", 1, "the class that comes first is the background")
