"""Numbers never import the shell, and what only reads, runs or shows leaves every digest."""

import ast
import shutil
import sys
from pathlib import Path

import pytest

from common.config.checkout import SOURCE_ROOT as ROOT
from common.paper import paper_names
from common.results.digest import code_digest, import_targets, parse
from common.results.numbers_and_shell import GROUND, NUMBERS, is_ground, is_numbers

FILES = sorted([*ROOT.glob("common/**/*.py"), *ROOT.glob("papers/*/**/*.py")])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def wrong_imports(path: Path, allowed) -> list[str]:
    targets = import_targets(parse(path), path, ROOT)
    return [name_of(target) for target in targets if not allowed(name_of(target))]


def test_numbers_import_numbers_and_common_ground():
    for path in FILES:
        if is_numbers(name_of(path)):
            assert wrong_imports(path, lambda name: is_numbers(name) or is_ground(name)) == [], path


def test_common_ground_imports_itself_and_the_standard_library():
    for path in (path for path in FILES if is_ground(name_of(path))):
        assert wrong_imports(path, is_ground) == [], path
        imported = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom)]
        plain = [node for node in ast.walk(parse(path)) if isinstance(node, ast.Import)]
        names = [node.module or "" for node in imported] + [a.name for n in plain for a in n.names]
        first = {name.split(".")[0] for name in names}
        assert first - {"common"} <= sys.stdlib_module_names, path


def test_what_is_called_numbers_is_there():
    assert [name for name in (*NUMBERS, *GROUND) if not [*ROOT.glob(name)]] == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("copy")
    for folder in ("common", "papers", "configs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.md")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    return root


def moved_by(copy, *edits: tuple[str, str, str]) -> set[str]:
    """Edits files of the copy and returns the papers whose digests are others while they stand.

    An edit is a file's name, a text of it and what replaces it; where the text is empty, a
    statement is added at the file's end.
    """
    for name, old, new in edits:
        text = (ROOT / name).read_text()
        assert old in text, f"{name} no longer holds {old!r}: the test edits nothing"
        (copy / name).write_text(text.replace(old, new) if old else f"{text}\nADDED = 1\n")
    papers = paper_names()
    try:
        return {paper for paper in papers if code_digest(paper, copy) != code_digest(paper, ROOT)}
    finally:
        for name, *_ in edits:
            shutil.copy(ROOT / name, copy / name)


def test_edits_of_the_shell_move_no_digest(copy):
    edits = [
        ("common/errors.py", "; did you mean", "; do you mean"),
        ("common/data/catalogue/root.py", "is missing; ", "is not here; "),
        ("common/bounds.py", "must be", "has to be"),
        ("common/config/build.py", "is given twice", "is there twice"),
        ("common/distributed/batch_share.py", "cannot be divided by", "is not divisible by"),
        ("common/data/images/readers/files.py", "there is no file", "no file is at"),
        ("common/data/series/readers/files.py", "", ""),
        ("common/data/graphs/synthetic.py", "", ""),
        ("common/data/images/readers/digits.py", "", ""),
        ("common/cli/main.py", "", ""),
        ("common/config/recipe.py", "", ""),
        ("common/tracking/tracker.py", "", ""),
        ("common/runs/progress.py", "", ""),
        ("common/runs/run.py", "", ""),
        ("common/results/ledger.py", "", ""),
        ("papers/swav/plots.py", "", ""),
        ("papers/meow/readers/small.py", "", ""),
        ("papers/swav/reference.py", "", ""),
        ("papers/swav/steps.py", "", ""),
    ]
    assert moved_by(copy, *edits) == set()


@pytest.mark.parametrize(
    ("name", "old", "new", "papers"),
    [
        ("papers/swav/loss.py", "", "", ["swav"]),
        ("papers/meow/__init__.py", 'target="none"', 'target="class"', ["meow"]),
        ("common/data/graphs/prepare.py", "", "", ["meow"]),
        ("papers/owdfa_cpl/standin/forgeries.py", "", "", ["owdfa_cpl"]),
        ("common/training/fit.py", "", "", paper_names()),
    ],
)
def test_an_edit_of_numbers_moves_the_papers_that_use_them(copy, name, old, new, papers):
    assert moved_by(copy, (name, old, new)) == set(papers)


def test_a_baseline_pointed_elsewhere_moves_the_papers_that_have_it(copy):
    other = "methods.simclr:SimCLR", "methods.barlow_twins:BarlowTwins"
    moved = moved_by(copy, ("common/registry.py", *other))
    assert {"swav", "pixpro", "amcl"} <= moved and not {"meow", "mclrec", "autotcl"} & moved
