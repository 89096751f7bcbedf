"""What NegCLIP fits to images and captions of the user's own: the negatives that they list."""

from typing import Any

from common.data.image_text.own import FALSE_COLUMN, NEAR_COLUMN
from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Plans the hard captions and near images of a table, and what measures them."""
    columns = {column.name: column for column in getattr(found, "columns", ())}
    false, near = columns.get(FALSE_COLUMN), columns.get(NEAR_COLUMN)
    given = "data.hard_captions" in draft.kept | draft.words.keys()
    if false is not None and false.gap is None:
        draft.choose("data.hard_captions", ["listed"], f"the column {FALSE_COLUMN}")
        protocols = ["caption-choice", *draft.get("evaluation.protocols")]
        draft.choose("evaluation.protocols", protocols, "captions, also against false ones")
    elif false is not None and not given:
        draft.refuse(
            f"{found.path}, line {false.gap}: column {FALSE_COLUMN} is empty; fill it, or train "
            "plain CLIP with data.hard_captions=[]"
        )
    if near is not None and near.gap is None:
        draft.choose("data.hard_images", 1, f"the column {NEAR_COLUMN}")
    if not draft.get("data.hard_captions") and not given:
        lack = f"a column {FALSE_COLUMN}" if columns else f"a table with a column {FALSE_COLUMN}"
        draft.notes.append(
            f"Without {lack} NegCLIP is plain CLIP: give each line a list of "
            "false captions, such as the caption with two words exchanged."
        )
