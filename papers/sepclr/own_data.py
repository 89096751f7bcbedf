"""What SepCLR fits to images of the user's own: which classes are the background."""

from typing import Any

from common.own_data.draft import Draft

SHOWN = 5  # names of each side


def fit(found: Any, draft: Draft) -> None:
    """Plans the class that comes first by name as the background, where no class is the target."""
    if draft.has("method.target_from") and draft.get("method.target_from") >= len(found.classes):
        draft.fit("method.target_from", 1, "the class that comes first is the background")
    if draft.has("method.target_from"):
        names, first = [*found.classes], draft.get("method.target_from")
        sides = (
            ", ".join([*side[:SHOWN], *["..."] * (len(side) > SHOWN)])
            for side in (names[:first], names[first:])
        )
        told = "{} is the background and {} the target".format(*sides)
        draft.notes.append(
            f"By name, {told}; method.target_from=NUMBER says how many classes are background."
        )
