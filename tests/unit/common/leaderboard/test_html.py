import pytest

from common.leaderboard.html import to_html


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("## Title *one*", '<h2 id="title-one">Title <em>one</em></h2>'),
        ("two\nlines\n\nthen", "<p>two lines</p>\n<p>then</p>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("- a `b*c*`", "<ul><li>a <code>b*c*</code></li></ul>"),
        (
            "<details><summary>2 more</summary>\n\nx\n\n</details>",
            "<details><summary>2 more</summary>\n<p>x</p>\n</details>",
        ),
        (
            "| a | b |\n| --- | --- |\n| 1 \\| 2 | - |",
            "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
            "<tbody><tr><td>1 | 2</td><td>-</td></tr></tbody></table>",
        ),
        ("[a](#a-b)\n### a: (B)", '<p><a href="#a-b">a</a></p>\n<h3 id="a-b">a: (B)</h3>'),
        ("1.5 ± 0.2", "<p>1.5\u00a0±\u00a00.2</p>"),
        (
            "of https://a.org/b; so (https://c.org).",
            '<p>of <a href="https://a.org/b">https://a.org/b</a>; '
            'so (<a href="https://c.org">https://c.org</a>).</p>',
        ),
        ("[s0](results/a/b.json)", '<p><a href="results/a/b.json">s0</a></p>'),
    ],
)
def test_the_forms_of_the_leaderboard(markdown, html):
    assert to_html(markdown) == html


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("a <details><summary>x</summary>", "a &lt;details&gt;&lt;summary&gt;x&lt;/summary&gt;"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
        ('[x](https://y"z)', '<a href="https://y&quot;z">x</a>'),
        ("[x](https://y*z*)", '<a href="https://y*z*">x</a>'),
        ("2 * 3 * 4 and 2*3*4", "2 * 3 * 4 and 2*3*4"),
    ],
)
def test_what_a_record_says_makes_no_markup_of_its_own(markdown, html):
    assert to_html(markdown) == f"<p>{html}</p>"
