"""What a page holds, before it is written as Markdown or as HTML."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# What people write in a note: `code`, *emphasis*, and addresses.
MARKED = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|(?<![\w*])\*(?=\S)(?P<stressed>[^*]+)(?<=\S)\*(?![\w*])"
    r"|(?P<address>https://[^\s;,()]*[^\s;,().])"
)


@dataclass(frozen=True)
class Code:
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


Span = str | Code | Emphasis | Link
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


def joined(*texts: Text) -> tuple[Span, ...]:
    """Returns ``texts`` as one."""
    return tuple(span for text in texts for span in spans(text))


def plain(text: Text) -> str:
    """Returns the words of ``text`` alone."""
    return "".join(span if isinstance(span, str) else span.text for span in spans(text))


def anchor(heading: Text) -> str:
    """Returns what a link within a page calls ``heading``, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", plain(heading).lower()).replace(" ", "-")


def marked(note: str) -> tuple[Span, ...]:
    """Returns a note that somebody wrote, its marks read; nothing is marked within a mark."""
    return tuple(_marked(note))


def _marked(note: str) -> Iterator[Span]:
    end = 0
    for match in MARKED.finditer(note):
        if match.start() > end:
            yield note[end : match.start()]
        end = match.end()
        if code := match["code"]:
            yield Code(code)
        elif stressed := match["stressed"]:
            yield Emphasis(stressed)
        else:
            yield Link(match["address"], match["address"])
    if end < len(note):
        yield note[end:]
