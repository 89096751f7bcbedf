"""The leaderboard's own Markdown as HTML: the few forms that its pages use, all else is text."""

import html
import re
from collections.abc import Iterator
from itertools import groupby

from common.leaderboard.markdown import anchor

FOLD = re.compile(r"<details><summary>(.*)</summary>")
UNFOLD = "</details>"
RULE = re.compile(r"\| --- [-| ]*\|")
ITEM = re.compile(r"(-|\d+\.) ")
# What a record says may look like a link: only those that lead to the page, to records and to
# servers are made, and no other scheme.
INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\[(?P<name>[^][]+)\]\((?P<target>(?:#|results/|https://)[^()\s]+)\)"
    r"|(?P<address>https://[^\s;,()]*[^\s;,().])"
    r"|(?<![\w*])\*(?=\S)(?P<stressed>[^*]+)(?<=\S)\*(?![\w*])"
)
CELL = re.compile(r"(?<!\\)\|")


def to_html(markdown: str) -> str:
    """Returns headings, tables, lists, folds and paragraphs of ``markdown`` as HTML."""
    parts: list[str] = []
    for kind, lines in groupby(markdown.splitlines(), key=_kind):
        parts += _block(kind, list(lines))
    return "\n".join(parts)


def _kind(line: str) -> str:
    if not line.strip():
        return "gap"
    if line.startswith("#"):
        return "heading"
    if FOLD.fullmatch(line) or line == UNFOLD:
        return "fold"
    if line.startswith("| "):
        return "table"
    if match := ITEM.match(line):
        return "ul" if match[1] == "-" else "ol"
    return "text"


def _block(kind: str, lines: list[str]) -> Iterator[str]:
    if kind == "table":
        yield _table(lines)
    elif kind == "text":
        yield f"<p>{_inline(' '.join(lines))}</p>"
    elif kind in ("ul", "ol"):
        items = "".join(f"<li>{_inline(ITEM.sub('', line, count=1))}</li>" for line in lines)
        yield f"<{kind}>{items}</{kind}>"
    elif kind != "gap":
        yield from (_heading(line) if kind == "heading" else _fold(line) for line in lines)


def _heading(line: str) -> str:
    marks, _, text = line.partition(" ")
    return f'<h{len(marks)} id="{anchor(text)}">{_inline(text)}</h{len(marks)}>'


def _fold(line: str) -> str:
    match = FOLD.fullmatch(line)
    return f"<details><summary>{_inline(match[1])}</summary>" if match else UNFOLD


def _table(lines: list[str]) -> str:
    rows = [_row(line, "td") for line in lines if not RULE.fullmatch(line)]
    head = _row(lines[0], "th")
    return f"<table><thead>{head}</thead><tbody>{''.join(rows[1:])}</tbody></table>"


def _row(line: str, tag: str) -> str:
    cells = (cell.strip().replace("\\|", "|") for cell in CELL.split(line)[1:-1])
    return "<tr>" + "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in cells) + "</tr>"


def _inline(text: str) -> str:
    """Returns escaped ``text`` with its code, links and emphasis; nothing is made within one.

    A mean and its spread stay on one line.
    """
    return INLINE.sub(_marked, html.escape(text).replace(" ± ", "\u00a0±\u00a0"))


def _marked(match: re.Match[str]) -> str:
    if match["code"]:
        return f"<code>{match['code']}</code>"
    if match["address"]:
        return f'<a href="{match["address"]}">{match["address"]}</a>'
    if match["name"]:
        return f'<a href="{match["target"]}">{match["name"]}</a>'
    return f"<em>{match['stressed']}</em>"
