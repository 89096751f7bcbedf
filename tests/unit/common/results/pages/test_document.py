"""A page and its two forms."""

import pytest

from common.results.pages.document import (
    Emphasis,
    Fold,
    Heading,
    Items,
    Link,
    Paragraph,
    Table,
    Verbatim,
    marked,
    to_html,
    to_latex,
    to_markdown,
)


@pytest.mark.parametrize(
    ("block", "markdown", "html"),
    [
        (
            Heading(2, ("a ", Emphasis("one"), ": (B)")),
            "## a *one*: (B)",
            '<h2 id="a-one-b">a <em>one</em>: (B)</h2>',
        ),
        (Paragraph("two\nlines"), "two\nlines", "<p>two lines</p>"),
        (Items(["a", "b"], numbered=True), "1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        (
            Items([("a ", Verbatim("b*c*"))]),
            "- a `b*c*`",
            "<ul><li>a <code>b*c*</code></li></ul>",
        ),
        (
            Fold("2 more", [Paragraph("x"), Paragraph("y")]),
            "<details><summary>2 more</summary>\n\nx\n\ny\n\n</details>",
            "<details><summary>2 more</summary>\n<p>x</p>\n<p>y</p>\n</details>",
        ),
        (
            Table(("a", "b"), [("1 | 2", "1.5 ± 0.2")]),
            "| a | b |\n| --- | --- |\n| 1 \\| 2 | 1.5 ± 0.2 |",
            '<div class="wide"><table><thead><tr><th>a</th><th>b</th></tr></thead>'
            "<tbody><tr><td>1 | 2</td><td>1.5\u00a0±\u00a00.2</td></tr></tbody></table></div>",
        ),
        (
            Paragraph(
                (Link("s0", "results/a/b.json"), " ", Link("https://a.org", "https://a.org"))
            ),
            "[s0](results/a/b.json) https://a.org",
            '<p><a href="results/a/b.json">s0</a> <a href="https://a.org">https://a.org</a></p>',
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_each_block_has_two_forms(block, markdown, html):
    assert to_markdown([block]) == markdown + "\n"
    assert to_html([block]) == html


def test_blocks_stand_apart():
    assert to_markdown([Paragraph("a"), Paragraph("b")]) == "a\n\nb\n"


@pytest.mark.parametrize(
    ("note", "parts"),
    [
        ("a `b*c*` d", ("a ", Verbatim("b*c*"), " d")),
        ("*one* `two`", (Emphasis("one"), " ", Verbatim("two"))),
        ("2 * 3 * 4 and 2*3*4", ("2 * 3 * 4 and 2*3*4",)),
        ("see https://a.org/b; (https://c.org).", None),
    ],
)
def test_the_marks_of_a_note_are_read_and_its_markdown_is_the_note(note, parts):
    assert parts is None or marked(note) == parts
    assert to_markdown([Paragraph(marked(note))]) == note + "\n"


def test_an_address_in_a_note_ends_before_punctuation():
    parts = marked("of https://a.org/b; so (https://c.org).")
    links = [part.target for part in parts if isinstance(part, Link)]
    assert links == ["https://a.org/b", "https://c.org"]


@pytest.mark.parametrize(
    "text", ["<b>x</b>", "a <details><summary>x</summary>", "[x](javascript:alert)", "*x* `y`"]
)
def test_what_a_record_says_makes_no_markup_in_html(text):
    cell = to_html([Paragraph(text)])
    assert cell == f"<p>{text.replace('<', '&lt;').replace('>', '&gt;')}</p>"
    assert 'href="https://y&quot;z"' in to_html([Paragraph((Link("x", 'https://y"z'),))])


def test_in_latex_words_stand_left_numbers_right_and_a_hyphen_before_a_number_is_a_minus():
    rows = [["top-1", "-0.36 (± 1.48)", "-", "worse"], ["5-NN", "+.2", "[-.1, 3e-05]", "-"]]
    latex = to_latex([Table(["arm", "difference", "range", "verdict"], rows)])
    assert "\\begin{adjustbox}{max width=\\textwidth}\n\\begin{tabular}{lrrl}" in latex
    assert r"top-1 & $-$0.36 ($\pm$ 1.48) & - & worse \\" in latex
    assert r"5-NN & +.2 & [$-$.1, 3e-05] & - \\" in latex
