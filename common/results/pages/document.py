"""What a page holds, and how it is written as Markdown, as HTML and, its tables alone, as LaTeX."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

# Where a name such as paper/recipe:variant may go on in the next line.
BREAK = re.compile(r"(?<=[/:_])")
# The gaps of `1.5 ± 0.2`, `(± 0.2)` and `585 x 256`, where no line ends.
KEPT = re.compile(r" (?=± )|(?<=±) | (?=x \d)|(?<=\d x) ")
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


@dataclass(frozen=True)
class Image:
    """An image: Markdown names its file, and HTML holds its ``svg``."""

    alt: str
    file: str
    svg: str


Block = Heading | Paragraph | Items | Table | Fold | Image


def spans(text: Text) -> tuple[Span, ...]:
    """Returns the parts of ``text``."""
    return (text,) if isinstance(text, str) else text


def joined(*texts: Text, between: str = "") -> tuple[Span, ...]:
    """Returns ``texts`` as one, with ``between`` between two of them."""
    gaps = (between if place else "" for place in range(len(texts)))
    parts = ((gap, *spans(text)) for gap, text in zip(gaps, texts, strict=True))
    return tuple(span for part in parts for span in part if span)


def plain_words(text: Text) -> str:
    """Returns the words of ``text`` alone."""
    return "".join(span if isinstance(span, str) else span.text for span in spans(text))


def anchor(heading: Text) -> str:
    """Returns what a link within a page calls ``heading``, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", plain_words(heading).lower()).replace(" ", "-")


def marked(note: str) -> tuple[Span, ...]:
    """Returns a note that somebody wrote, its marks read; nothing is marked within a mark."""
    parts = enumerate(MARKED.split(note))
    return tuple(_mark(part) if place % 2 else part for place, part in parts if part)


def _mark(part: str) -> Span:
    if part[0] == "`":
        return Verbatim(part[1:-1])
    return Emphasis(part[1:-1]) if part[0] == "*" else Link(part, part)


LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"±": r"$\pm$", "→": r"$\to$", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}
)


def to_latex(blocks: Iterable[Block]) -> str:
    """Returns the tables of ``blocks`` with booktabs' rules, none wider than the page.

    Other words are comments.
    """
    lines = ["% \\usepackage{adjustbox,booktabs}"]
    for block in blocks:
        match block:
            case Table(header, rows):
                columns = "".join(map(_latex_column, zip(*rows, strict=True)))
                lines += ["\\begin{adjustbox}{max width=\\textwidth}"]
                lines += [f"\\begin{{tabular}}{{{columns}}}", "\\toprule"]
                lines += [_latex_row(header), "\\midrule", *map(_latex_row, rows)]
                lines += ["\\bottomrule", "\\end{tabular}", "\\end{adjustbox}", ""]
            case Heading(_, text) | Paragraph(text):
                lines += [f"% {line}" for line in plain_words(text).splitlines()]
    return "\n".join(lines) + "\n"


def _latex_column(cells: Sequence[Text]) -> str:
    """Returns how a column is aligned: words at the left, numbers at the right."""
    return "l" if any(plain_words(cell)[:1].isalpha() for cell in cells) else "r"


def _latex_row(cells: Sequence[Text]) -> str:
    texts = (plain_words(cell).translate(LATEX) for cell in cells)
    # A hyphen before a number is a minus.
    return " & ".join(re.sub(r"(?<!\w)-(?=[\d.])", "$-$", text) for text in texts) + r" \\"


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
        case Image(alt, file, _):
            return f"![{alt}]({file})"
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
        f'{head}<title>{escape(title)}</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="page.css">'
        '<script src="page.js" defer></script></head><body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def to_html(blocks: Iterable[Block]) -> str:
    """Returns ``blocks`` as HTML; what is plain in them is escaped."""
    return "\n".join(map(_block_to_html, blocks))


def _block_to_html(block: Block) -> str:
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
        case Image(_, _, svg):
            return f"<figure>{svg}</figure>"
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
    return "".join(map(_span_to_html, spans(text)))


def _span_to_html(span: Span) -> str:
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
