"""Papers import the core and never each other; the core reaches papers by name only."""

import ast
import re
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from common.results.numbers_and_shell import is_ground

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for part in ("papers", "common") for path in (ROOT / part).rglob("*.py"))


@cache
def imported(path: Path) -> set[str]:
    """Returns the dotted names that ``path`` imports, relative ones resolved."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


# Packages of the numbers half and of the shell: none imports one that stands after it in its row.
LAYERS = (
    ("distributed", "losses", "backbones", "evaluation", "data", "optim", "training", "methods"),
    ("tracking", "results", "plots", "runs", "steps", "export", "explain", "cli"),
)


def violations(path: Path) -> list[str]:
    part, *rest = path.relative_to(ROOT).parts
    found = []
    for name in sorted(imported(path)):
        first, *others = name.split(".")
        if first in ("tests", "benchmarks"):
            found.append(name)
        if first == "papers" and part == "common":
            found.append(name)
        for row in LAYERS:
            if first == part == "common" and rest[0] in row and others:
                if others[0] in row[row.index(rest[0]) + 1 :]:
                    found.append(name)
        if first == "papers" and part == "papers" and others and others[0] != rest[0]:
            found.append(name)
    return found


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAX_DEPENDENCIES = 15
BY_NAME = re.compile(r'import_module\("(\w+)"\)')
# Extras for files, networks and searches of other libraries: their tests are skipped without them.
SKIPPED = {"safetensors", "timm", "hf", "image-text", "sweep"}
# What a package is imported as, where that is not its name.
IMPORT_NAMES = {
    "open_clip_torch": "open_clip",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}


def import_names(requirements: list[str]) -> set[str]:
    names = {text.split(">=")[0] for text in requirements}
    return {IMPORT_NAMES.get(name, name) for name in names}


def test_what_is_declared_is_imported_and_the_other_way_round() -> None:
    extras = dict(PROJECT["optional-dependencies"])
    del extras["docs"]  # programs that make the site, which the packages do not import
    needed = chain(*(extra for name, extra in extras.items() if name not in SKIPPED | {"dev"}))
    assert set(extras.pop("dev")) >= {*needed}, "the tests need every other extra"
    declared = import_names([*PROJECT["dependencies"], *chain(*extras.values())])
    found = {name.split(".")[0] for path in SOURCES for name in imported(path)}
    found |= {name for path in SOURCES for name in BY_NAME.findall(path.read_text())}
    assert found - set(sys.stdlib_module_names) - {"common", "papers", "configs"} == declared


def test_few_packages_are_needed_always() -> None:
    assert len(PROJECT["dependencies"]) <= MAX_DEPENDENCIES


def test_imports_go_one_way() -> None:
    assert {path: found for path in SOURCES if (found := violations(path))} == {}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def in_circles(edges: dict[str, set[str]]) -> set[str]:
    """Returns what is left when nodes without a way out or in are taken away, again and again."""
    left = dict(edges)
    while True:
        reached = set().union(*left.values())
        ends = {node for node in left if not left[node] & left.keys() or node not in reached}
        if not ends:
            return set(left)
        left = {node: targets for node, targets in left.items() if node not in ends}


def imports_between(name_of: Callable[[str], str], paths: list[Path]) -> dict[str, set[str]]:
    """Returns who imports whom, within functions too; of packages with `package_of`."""
    modules = {module_of(path): path for path in paths}
    edges: dict[str, set[str]] = {name_of(module): set() for module in modules}
    for module, path in modules.items():
        found = {name if name in modules else name.rpartition(".")[0] for name in imported(path)}
        edges[name_of(module)] |= {name_of(target) for target in found & modules.keys()}
    return {name: targets - {name} for name, targets in edges.items()}


def test_no_file_imports_itself_by_way_of_others() -> None:
    assert in_circles(imports_between(str, SOURCES)) == set()


def test_no_package_imports_itself_by_way_of_others() -> None:
    paths = [path for path in SOURCES if not is_ground(path.relative_to(ROOT).as_posix())]
    assert in_circles(imports_between(package_of, paths)) == set()


def test_a_circle_is_seen() -> None:
    assert in_circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == {"b", "c"}


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("papers/swav/a.py", "from papers.meow.module import x"),
        ("papers/swav/a.py", "from papers import meow"),
        ("papers/swav/a.py", "from ..meow import x"),
        ("papers/swav/a.py", "from .. import meow"),
        ("common/data/a.py", "import papers.swav"),
        ("common/a.py", "from papers.swav import x"),
        ("common/a.py", "from tests.helpers import x"),
        ("common/results/a.py", "from common.runs.devices import x"),
        ("common/evaluation/a.py", "from common.data.images.batch import x"),
    ],
)
def test_the_walk_sees_a_wrong_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, line: str
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(f"def f():\n    {line}\n")
    assert len(violations(path)) == 1


def test_a_paper_may_import_itself_and_the_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "papers/swav/a.py"
    path.parent.mkdir(parents=True)
    path.write_text("from papers.swav.config import x\nfrom .module import y\nimport common.cli\n")
    assert violations(path) == []


def test_torch_geometric_is_imported_on_the_road_of_graphs_alone() -> None:
    graphs = ("common/data/graphs/", "papers/meow/")
    light = {"common.data.graphs.batch", "common.data.graphs.config"}
    for path in SOURCES:
        if not path.relative_to(ROOT).as_posix().startswith(graphs):
            found = {name.rpartition(".")[0] for name in imported(path)}
            assert not {name for name in found if name.startswith("torch_geometric")}, path
            assert {name for name in found if name.startswith("common.data.graphs")} <= light, path
