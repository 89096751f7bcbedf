"""The documentation site: what can be told of it without the packages that build it."""

import ast
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from common.data.images.config import ImageConfig
from common.data.modality import DataSets
from common.evaluation.image_config import FactorsConfig
from common.paper import paper_names
from common.registry import WINGS, wing
from docs.site.declared import ALONE, protocol_table, set_table, settings_tables, with_tables
from docs.site.drawing import Flow, flowchart, house
from docs.site.gallery import Image, pictures_first
from tests.recipes import PROTOCOLS
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


@pytest.mark.parametrize("page", ["docs/data.md", "docs/protocols.md"])
def test_every_link_to_declarations_becomes_a_table(page: str) -> None:
    text = (ROOT / page).read_text()
    assert ALONE.search(text)
    made = with_tables(text, page)
    assert not ALONE.search(made)
    assert made.count("\n| --- |") >= len(ALONE.findall(text))


def test_the_home_page_has_what_was_best_and_how_many_numbers_are_reproduced() -> None:
    text = (ROOT / "README.md").read_text()
    links = {target for _, target in ALONE.findall(text)}
    assert links == {"LEADERBOARD.md#where-to-start", "LEADERBOARD.md#papers"}
    made, page = with_tables(text, "README.md"), (ROOT / "LEADERBOARD.md").read_text()
    assert not ALONE.search(made)
    commands = re.findall(r"\| `papers train \S+ PATH` \|", page)
    assert len(commands) > 3 and all(command in made for command in commands)
    assert re.search(r"^- Of \d+ reported numbers: .*reproduced", made, re.MULTILINE)
    assert "- Nobody has run" in made


@pytest.mark.parametrize("paper", paper_names())
def test_a_papers_page_opens_with_its_pictures(paper: str) -> None:
    text = (ROOT / f"papers/{paper}/README.md").read_text()
    image = Image(f"papers/{paper}/README.md", "arms.svg", "The arms.", b"")
    made = pictures_first(text, [image])
    places = [made.index(part) for part in ("```mermaid", "](claims.svg)", "arms.svg", "\n## ")]
    assert places == sorted(places) and made.startswith(text.splitlines()[0])
    # Nothing is lost.
    assert sorted(pictures_first(text, []).split()) == sorted(text.split())


def cells(table: str, row: str) -> list[str]:
    (found,) = [line for line in table.splitlines() if line.startswith(f"| `{row}` |")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", found)[1:-1]]


def test_every_protocol_and_every_set_is_described() -> None:
    names = {name for kind in WINGS if wing(kind).module for name in DataSets(kind).names()}
    for table, known in ((protocol_table(), set(PROTOCOLS)), (set_table(), names)):
        for name in known:
            described = max(cells(table, name)[1:], key=len)
            assert len(described.split()) > 3, name


def test_a_setting_has_the_comment_above_it_its_default_and_its_bounds() -> None:
    table = settings_tables([ImageConfig])
    assert cells(table, "holdout")[1:3] == ["`0.1`", "≥ 0, < 1"]
    assert cells(table, "pipeline")[2] == "`batched`, `hybrid`"
    # A comment of two lines.
    assert cells(table, "shuffle_window")[3].endswith(
        "so that reads stay in a few shards; null: all."
    )
    # A field of what it extends, and one without a comment.
    assert cells(settings_tables([FactorsConfig]), "lr") == ["`lr`", "`0.03`", "> 0", ""]


DRAWINGS = {
    path.parent.name: source
    for path in PAGES
    for source in re.findall(r"```mermaid\n(.*?)```", path.read_text(), re.DOTALL)
}


def drawn(flow: Flow) -> ElementTree.Element:
    return ElementTree.fromstring(flow.to_html("title"))


@pytest.mark.parametrize("paper", sorted(DRAWINGS))
def test_a_drawing_shows_every_text_once_and_no_box_over_another(paper: str) -> None:
    flow = flowchart(DRAWINGS[paper])
    shown = " ".join(" ".join(each.itertext()) for each in drawn(flow).iter("text"))
    texts = re.findall(r'\["(.*?)"\]|\(\[(.*?)\]\)|-- "(.*?)" -->', DRAWINGS[paper])
    for text in ("".join(found).strip('"') for found in texts):
        assert re.sub(r"\s+", "", text) in re.sub(r"\s+", "", shown)
    for a, b in combinations(flow.boxes.values(), 2):
        beside = abs(a.x - b.x) >= (a.width + b.width) / 2
        assert beside or abs(a.y - b.y) >= (a.height + b.height) / 2
    assert len(flow.forward) == len({*flow.forward}) and flow.forward


def test_a_drawing_in_another_form_is_refused() -> None:
    for source in ("flowchart TD\n  a --> b", "flowchart LR\n  a --> b{c}"):
        with pytest.raises(ValueError, match="drawing"):
            flowchart(source)


def test_the_house_is_drawn_from_its_imports() -> None:
    flow = house(ROOT)
    drawn(flow)
    assert {"losses", "cli", "runs"} < set(flow.boxes)
    assert flow.forward == flow.arrows  # no circle
    assert all(flow.boxes[one.start].y < flow.boxes[one.end].y for one in flow.arrows)
    assert flow.boxes["cli"].dashed
    assert not flow.boxes["losses"].dashed
