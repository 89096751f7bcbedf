"""Blocks of a page, and a whole page around them, as HTML."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from common.results.pages.document import (
    Block,
    Emphasis,
    Fold,
    Heading,
    Items,
    Link,
    Span,
    Table,
    Text,
    Verbatim,
    anchor,
    spans,
)

# Where a name such as paper/recipe:variant may go on in the next line.
BREAK = re.compile(r"(?<=[/:_])")
# The gaps of `1.5 ± 0.2`, `(± 0.2)` and `585 x 256`, where no line ends.
KEPT = re.compile(r" (?=± )|(?<=±) | (?=x \d)|(?<=\d x) ")


def whole_page(title: str, parts: Iterable[str], base: str = "") -> str:
    """Returns a page of ``parts``, with the style and the script that lie beside it.

    Args:
        title: In plain text.
        parts: What its body holds, as HTML.
        base: The folder that all its addresses start from, such as ``../``.
    """
    head = f'<base href="{base}">' if base else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'{head}<title>{escape(title)}</title><link rel="stylesheet" href="page.css">'
        '<script src="page.js" defer></script></head><body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def to_html(blocks: Iterable[Block]) -> str:
    """Returns ``blocks`` as HTML; what is plain in them is escaped."""
    return "\n".join(map(_block, blocks))


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f'<h{level} id="{anchor(text)}">{text_to_html(text)}</h{level}>'
        case Items(texts, numbered):
            kind = "ol" if numbered else "ul"
            items = "".join(f"<li>{text_to_html(text)}</li>" for text in texts)
            return f"<{kind}>{items}</{kind}>"
        case Table(header, rows):
            return table_to_html(header, (row_to_html(row, "td") for row in rows))
        case Fold(summary, inner):
            opened = to_html(inner)
            return f"<details><summary>{text_to_html(summary)}</summary>\n{opened}\n</details>"
        case _:
            return f"<p>{text_to_html(block.text)}</p>"


def table_to_html(header: Sequence[Text], rows: Iterable[str], name: str = "") -> str:
    """Returns a table of ``rows``, which are HTML; ``name`` becomes its id."""
    body = "".join(rows)
    mark = f' id="{name}"' if name else ""
    head = row_to_html(header, "th")
    return (
        f'<div class="wide"><table{mark}><thead>{head}</thead><tbody>{body}</tbody></table></div>'
    )


def row_to_html(cells: Sequence[Text], tag: str) -> str:
    """Returns a row of a table."""
    return f"<tr>{''.join(f'<{tag}>{text_to_html(cell)}</{tag}>' for cell in cells)}</tr>"


def text_to_html(text: Text) -> str:
    """Returns ``text`` escaped, its marks as elements."""
    return "".join(map(_span, spans(text)))


def _span(span: Span) -> str:
    """Returns ``span`` escaped; a mean and its spread stay on one line, a long name may break."""
    match span:
        case Verbatim(text):
            return f"<code>{BREAK.sub(r'<wbr>', escape(text))}</code>"
        case Emphasis(text):
            return f"<em>{escape(text)}</em>"
        case Link(text, target):
            return f'<a href="{escape(target)}">{escape(text)}</a>'
        case _:
            return KEPT.sub("\u00a0", escape(span).replace("\n", " "))
