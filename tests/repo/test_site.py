"""The documentation site: what can be told of it without the packages that build it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.repo.test_docs import PAGES, ROOT

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags name functions of packages that need not be here."""


Loader.add_multi_constructor("", lambda loader, tag, node: None)
SITE = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)


def leaves(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for inner in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from leaves(inner)


def anchors(path: Path) -> set[str]:
    """Returns the anchors that GitHub and the site give to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_navigation_names_every_page_once() -> None:
    named = list(leaves(SITE["nav"]))
    pages = [path.relative_to(ROOT).as_posix() for path in PAGES]
    # The hook adds those of papers. Records have a page of their own.
    expected = [page for page in pages if not page.startswith("papers/")]
    results = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("results/*.md")]
    assert sorted(named) == sorted([*expected, *results])
    # The hook takes these files alone; it imports mkdocs, so its pattern is read and not imported.
    text = (ROOT / "docs/site/pages.py").read_text()
    patterns = ast.literal_eval(re.search(r"^PAGES = (.*)$", text, re.MULTILINE).group(1))
    assert set(named) <= {
        path.relative_to(ROOT).as_posix() for one in patterns for path in ROOT.glob(one)
    }


def test_what_the_site_is_made_with_is_here() -> None:
    for path in (SITE["docs_dir"], *SITE["hooks"], *SITE["watch"]):
        assert (ROOT / path).exists()
    for path in SITE["extra_css"]:
        assert (ROOT / SITE["docs_dir"] / path).is_file()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_heading_finds_it(path: Path) -> None:
    text = FENCE.sub("", path.read_text())
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", text):
        if "://" not in target:
            assert anchor in anchors(path.parent / target if target else path), (target, anchor)
