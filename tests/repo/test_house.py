"""The house numbers: short functions, small files, no foreign words."""

import ast
import re
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".git", "runs", "build", "dist", "wandb", "__pycache__"}
MAX_FUNCTION_LINES = 60
MAX_MEDIAN_FUNCTION_LINES = 15
MAX_BYTES = 500_000

# Split, so that this file does not hold them itself.
FORBIDDEN = [
    *(
        "/wo" + "rk/",
        "/tm" + "p/w",
        "pypi" + r"\.org",
        "pythonhos" + "ted",
        "download" + ".pytorch",
    ),
    *("TO" + "DO", "FIX" + "ME", "XX" + "X"),
]


def tracked(*suffixes: str) -> list[Path]:
    found = [path for path in ROOT.rglob("*") if path.is_file() and path.suffix in suffixes]
    return sorted(path for path in found if not _is_skipped(path))


def _is_skipped(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    hidden = {part for part in parts if part.startswith(".") and part not in (".ci", ".github")}
    return bool(hidden - {".pre-commit-config.yaml"} or SKIPPED & set(parts)) or any(
        part.endswith(".egg-info") or (ROOT / part / "pyvenv.cfg").exists() for part in parts
    )


def functions(path: Path) -> list[tuple[str, int]]:
    """Returns (place, lines) of each function, decorators left out, docstrings counted."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, kinds) and node.end_lineno is not None
    ]


def test_functions_are_short() -> None:
    found = [item for path in tracked(".py") for item in functions(path)]
    assert [item for item in found if item[1] > MAX_FUNCTION_LINES] == []
    sources = [n for place, n in found if place.startswith(("common/", "papers/"))]
    assert median(sources) <= MAX_MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_foreign_words(word: str) -> None:
    texts = tracked(".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".cff", ".json", ".sh")
    pattern = re.compile(word)
    assert [str(p.relative_to(ROOT)) for p in texts if pattern.search(p.read_text())] == []


def test_batches_are_counted_by_the_helper_which_spares_a_wait_for_the_device() -> None:
    found = [path for path in tracked(".py", ".tmpl") if "batches_seen +=" in path.read_text()]
    places = [path.relative_to(ROOT).as_posix() for path in found]
    own = [place for place in places if place.startswith(("common/", "papers/"))]
    assert own == ["common/training/position.py"]  # whose docstring says why


# They hand out a module that they have loaded, which its user finds in evaluation mode.
HAND_OUT = {f"common/{name}.py" for name in ("export/backbone", "export/hub", "runs/loading")}


def test_a_module_changes_its_mode_only_where_the_mode_comes_back() -> None:
    found = set()
    for path in [*(ROOT / "common").rglob("*.py"), *(ROOT / "papers").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in ("eval", "train"):
                    found.add((path.relative_to(ROOT).as_posix(), node.func.attr))
    modes = "common/backbones/modes.py"
    assert found == {(modes, "eval"), (modes, "train"), *((place, "eval") for place in HAND_OUT)}


def test_no_file_is_large() -> None:
    suffixes = {path.suffix for path in ROOT.rglob("*") if path.is_file()}
    large = [path for path in tracked(*suffixes) if path.stat().st_size > MAX_BYTES]
    assert [str(path.relative_to(ROOT)) for path in large] == []
