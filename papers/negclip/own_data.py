"""What NegCLIP fits to images and captions of the user's own: the negatives that they list."""

from typing import Any

from common.own_data.captions import FALSE_COLUMN, NEAR_COLUMN
from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Plans the hard captions and near images of a table, and what measures them."""
    columns = {column.name: column for column in getattr(found, "columns", ())}
    false, near = columns.get(FALSE_COLUMN), columns.get(NEAR_COLUMN)
    if false is not None and false.gap is None:
        draft.choose("data.hard_captions", ["listed"], f"the column {FALSE_COLUMN}")
        protocols = ["caption-choice", *draft.get("evaluation.protocols")]
        draft.choose("evaluation.protocols", protocols, "captions, also against false ones")
    elif false is not None:
        draft.notes.append(
            f"Line {false.gap} has no {FALSE_COLUMN}, which each line needs; none are used."
        )
    if near is not None and near.gap is None:
        draft.choose("data.hard_images", 1, f"the column {NEAR_COLUMN}")
    if not draft.get("data.hard_captions"):
        draft.notes.append(
            f"Without a column {FALSE_COLUMN} NegCLIP is plain CLIP: give each line a list of "
            "false captions, such as the caption with two words exchanged."
        )
