"""The pages of the documentation site: a hook of mkdocs (`mkdocs.yml` names it).

Every page is a Markdown file of the repository at the path that it has there, so that a link leads
to the same place on the site and in the repository. Flowcharts become SVG. Added are tables of what
code and records declare, each paper's gallery, the explorer of all arms, and the Python API, which
mkdocstrings reads.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link, Navigation, Section
from mkdocs.structure.pages import Page

# No installed package has `docs`: `mkdocs`, unlike `python -m mkdocs`, does not look here.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.paper import paper_names
from common.results.pages.document import BREAK, KEPT
from common.results.pages.site import write_page
from docs.site.declared import with_tables
from docs.site.drawing import flowchart
from docs.site.gallery import gallery, leaderboard, pictures_first

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("*.md", "docs/*.md", "papers/*/*.md", "benchmarks/README.md", "results/*.md")
# Shown and linked, and no pages.
OTHERS = ("docs/examples/*", "docs/images/*", "papers/*/*.svg")
# What the Python API shows: a page's title, and the folders whose modules it shows.
LIBRARY = {
    "Losses": ["common/losses"],
    "Methods": ["common/methods"],
    "Backbones": ["common/backbones"],
    "Optimizers": ["common/optim"],
    "Protocols": ["common/evaluation"],
    "Training": ["common/training"],
    "Data": ["common/data", "common/data/*"],
}
# What a user meets of the modules of data; the others read and check files.
OF_DATA = ("batch", "config", "contract", "graph", "modality", "module", "sampler", "views")
# A paper's modules, the first ones to be read first; these others are not for use from outside.
FIRST = ("config", "module", "loss")
INNER = ("__init__", "plots", "reference", "steps")
# Wide tables, alone in their part of the navigation.
ALONE = ("README.md", "LEADERBOARD.md")
# The folder on the site of what `papers leaderboard --html` writes.
EXPLORER = "explorer"
CELL = re.compile(r"<td.*?</td>", re.DOTALL)
NAME = re.compile(r"(?<=<code>)[^<]+")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
DRAWN = "```mermaid\n"
FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the papers and the Python API to the navigation."""
    assert config.nav is not None
    for entry in config.nav:
        if "Papers" in entry:
            entry["Papers"] += [_paper_entry(paper) for paper in paper_names()]
        if "Python" in entry:
            entry["Python"] += [{title: _library_path(title)} for title in LIBRARY]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the repository's pages, each paper's gallery, and the pages of the Python API."""
    for pattern in (*PAGES, *OTHERS):
        for path in sorted(ROOT.glob(pattern)):
            uri = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    for title, folders in LIBRARY.items():
        found = [path for folder in folders for path in ROOT.glob(f"{folder}/*.py")]
        found = [path for path in found if path.stem in OF_DATA or title != "Data"]
        text = _api(title, sorted(path for path in found if path.stem != "__init__"))
        files.append(File.generated(config, _library_path(title), content=text))
    for paper in paper_names():
        text = _api(f"{_title(paper)} in Python", _modules(paper))
        files.append(File.generated(config, _api_path(paper), content=text))
    for image in gallery(ROOT):
        files.append(File.generated(config, image.uri, content=image.content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes declared tables, leads links to the repository, and puts a paper's pictures first."""
    if page.file.src_uri in ALONE:
        page.meta["hide"] = ["navigation"]
    if PurePosixPath(page.file.src_uri).match("papers/*/README.md"):
        shown = [image for image in gallery(ROOT) if image.page == page.file.src_uri]
        markdown = pictures_first(markdown, shown)
    parts = FENCE.split(with_tables(markdown, page.file.src_uri))
    # GitHub reads Markdown within <details>; here it has to be asked for.
    parts[::2] = [
        _links(part, page.file.src_uri, files, config.repo_url).replace(
            "<details>", '<details markdown="1">'
        )
        for part in parts[::2]
    ]
    # Commands stand without a prompt; "console" would take them for output.
    parts[1::2] = [
        flowchart(part[len(DRAWN) : -3]).to_html("The idea")
        if part.startswith(DRAWN)
        else part.replace("```console", "```bash")
        for part in parts[1::2]
    ]
    return "".join(parts)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Breaks the lines of a table's cells as those of `papers leaderboard --html` break."""

    def cell(found: re.Match[str]) -> str:
        kept = KEPT.sub("&nbsp;", found[0])
        return NAME.sub(lambda name: BREAK.sub("<wbr>", name[0]), kept)

    return CELL.sub(cell, html)


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """Adds the explorer to the results; it is no page of mkdocs."""
    for item in nav.items:
        if isinstance(item, Section) and item.title == "Results":
            item.children.append(Link("All arms", f"{EXPLORER}/index.html"))


def on_post_build(config: MkDocsConfig) -> None:
    """Writes the explorer of all arms, with a way back to the site."""
    page = write_page(leaderboard(ROOT), Path(config.site_dir, EXPLORER), ROOT / "runs")
    back = '<nav><a href="../index.html">Likewise</a>'
    page.write_text(page.read_text().replace("<nav>", back, 1))


def _paper_entry(paper: str) -> dict[str, Any]:
    folder = f"papers/{paper}"
    pages: list[Any] = [f"{folder}/README.md"]
    if (ROOT / folder / "RESULTS.md").is_file():
        pages.append({"Results": f"{folder}/RESULTS.md"})
    return {_title(paper): [*pages, {"Python": _api_path(paper)}]}


def _title(paper: str) -> str:
    return (ROOT / "papers" / paper / "README.md").read_text().splitlines()[0].removeprefix("# ")


def _api_path(paper: str) -> str:
    return f"papers/{paper}/python.md"


def _library_path(title: str) -> str:
    return f"python/{title.lower()}.md"


def _modules(paper: str) -> list[Path]:
    found = [path for path in ROOT.glob(f"papers/{paper}/*.py") if path.stem not in INNER]
    return sorted(found, key=lambda path: ([*FIRST, path.stem].index(path.stem), path.stem))


def _api(title: str, modules: Iterable[Path]) -> str:
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in modules)
    return f"# {title}\n\n" + "\n\n".join(f"::: {name}" for name in names)


def _links(text: str, source: str, files: Files, repository: str | None) -> str:
    """Returns ``text`` with the links of the page ``source`` as the site has them.

    A link to a folder leads to its page. One to another file leads to the repository, or is plain
    text where no repository is known.
    """

    def replaced(match: re.Match[str]) -> str:
        image, name, target = match.groups()
        path, hash_, anchor = target.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return match.group()
        place = normpath(PurePosixPath(source).parent / path)
        for uri in _candidates(place):
            if files.get_file_from_path(uri):
                up = "../" * (len(PurePosixPath(source).parts) - 1)
                return f"{image}[{name}]({up}{uri}{hash_}{anchor})"
        if not (ROOT / place).exists():
            return match.group()  # which mkdocs reports
        return f"[{name}]({repository.rstrip('/')}/blob/main/{place})" if repository else name

    return LINK.sub(replaced, text)


def _candidates(place: str) -> Iterator[str]:
    yield place
    yield f"{place}/README.md"
