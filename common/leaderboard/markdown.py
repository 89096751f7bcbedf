"""Writes a page as Markdown."""

from collections.abc import Iterable, Sequence

from common.leaderboard.document import (
    Block,
    Code,
    Emphasis,
    Fold,
    Heading,
    Items,
    Link,
    Span,
    Table,
    Text,
    spans,
)


def to_markdown(blocks: Iterable[Block]) -> str:
    """Returns ``blocks`` as Markdown, with a gap between two of them."""
    return "\n\n".join(_block(block) for block in blocks) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_text(text)}"
        case Items(texts, numbered):
            marks = (f"{place}." if numbered else "-" for place in range(1, len(texts) + 1))
            return "\n".join(f"{m} {_text(text)}" for m, text in zip(marks, texts, strict=True))
        case Table(header, rows):
            return "\n".join(map(_row, [header, ["---"] * len(header), *rows]))
        case Fold(summary, inner):
            return f"<details><summary>{summary}</summary>\n\n{to_markdown(inner)}\n</details>"
        case _:
            return _text(block.text)


def _row(cells: Sequence[Text]) -> str:
    """Returns a table's line; a bar within a cell is escaped."""
    return "| " + " | ".join(_text(cell).replace("|", "\\|") for cell in cells) + " |"


def _text(text: Text) -> str:
    return "".join(map(_span, spans(text)))


def _span(span: Span) -> str:
    match span:
        case Code(text):
            return f"`{text}`"
        case Emphasis(text):
            return f"*{text}*"
        case Link(text, target):
            return text if text == target else f"[{text}]({target})"
        case _:
            return span
