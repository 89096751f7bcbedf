"""What a page holds, and how it is written as Markdown; `html` writes it as HTML."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# What people write in a note: `code`, *emphasis*, and addresses.
MARKED = re.compile(
    r"(`[^`]+`|(?<![\w*])\*(?=\S)[^*]+(?<=\S)\*(?![\w*])|https://[^\s;,()]*[^\s;,().])"
)


@dataclass(frozen=True)
class Verbatim:
    """Words to be typed or found as they stand."""

    text: str


@dataclass(frozen=True)
class Emphasis:
    """Words to be stressed."""

    text: str


@dataclass(frozen=True)
class Link:
    """Words that lead to a heading (``#anchor``), to a file of the project or to an address."""

    text: str
    target: str


Span = str | Verbatim | Emphasis | Link
# A string is plain: no mark in it means anything.
Text = str | tuple[Span, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; ``level`` 1 is the page's."""

    level: int
    text: Text


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; Markdown keeps the ends of its lines."""

    text: Text


@dataclass(frozen=True)
class Items:
    """A list, with numbers or without."""

    texts: Sequence[Text]
    numbered: bool = False


@dataclass(frozen=True)
class Table:
    """A table, a text for each cell."""

    header: Sequence[str]
    rows: Sequence[Sequence[Text]]


@dataclass(frozen=True)
class Fold:
    """A part that opens by a click on its summary."""

    summary: str
    blocks: Sequence[Paragraph | Items | Table]


Block = Heading | Paragraph | Items | Table | Fold


def spans(text: Text) -> tuple[Span, ...]:
    """Returns the parts of ``text``."""
    return (text,) if isinstance(text, str) else text


def joined(*texts: Text, between: str = "") -> tuple[Span, ...]:
    """Returns ``texts`` as one, with ``between`` between two of them."""
    gaps = (between if place else "" for place in range(len(texts)))
    parts = ((gap, *spans(text)) for gap, text in zip(gaps, texts, strict=True))
    return tuple(span for part in parts for span in part if span)


def plain(text: Text) -> str:
    """Returns the words of ``text`` alone."""
    return "".join(span if isinstance(span, str) else span.text for span in spans(text))


def anchor(heading: Text) -> str:
    """Returns what a link within a page calls ``heading``, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", plain(heading).lower()).replace(" ", "-")


def marked(note: str) -> tuple[Span, ...]:
    """Returns a note that somebody wrote, its marks read; nothing is marked within a mark."""
    parts = enumerate(MARKED.split(note))
    return tuple(_mark(part) if place % 2 else part for place, part in parts if part)


def _mark(part: str) -> Span:
    if part[0] == "`":
        return Verbatim(part[1:-1])
    return Emphasis(part[1:-1]) if part[0] == "*" else Link(part, part)


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
        case Verbatim(text):
            return f"`{text}`"
        case Emphasis(text):
            return f"*{text}*"
        case Link(text, target):
            return text if text == target else f"[{text}]({target})"
        case _:
            return span
