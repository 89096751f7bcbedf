"""What the documents show in Python runs: examples, the notebook, and the imports of each block."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
NOTEBOOK = ROOT / "docs" / "examples" / "photographs.ipynb"
OURS = ("common", "papers")
# `papers new` makes it.
PLACEHOLDER = re.compile(r"\bmypaper\b")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_embeds(path, elsewhere, capsys):
    runpy.run_path(str(path), run_name="__main__")
    assert "embedded (" in capsys.readouterr().out


@pytest.mark.slow
def test_the_notebook_leads_from_a_folder_of_photographs_to_an_answer(elsewhere, monkeypatch):
    papers = elsewhere / "bin/papers"
    papers.parent.mkdir()
    papers.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from configs.command import main; main()" "$@"\n'
    )
    papers.chmod(0o755)
    monkeypatch.setenv("PATH", f"{papers.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    found, said = {}, ""
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        text = "".join(cell["source"])
        if text.startswith("%%bash\n"):
            said += subprocess.check_output(["bash", "-ec", text.partition("\n")[2]], text=True)
        elif cell["cell_type"] == "code":
            exec(compile(text, cell["id"], "exec"), found)
    assert len(list(elsewhere.glob("runs/*/*/*/result.json"))) == 6
    compared = said[said.index("metric") :]
    assert re.search(r"simclr.* 3 ", compared) and re.search(r"better|worse|undecided", compared)
    assert found["of_its_photograph"] > 0.4  # one of four by chance
    assert found["features"].shape == (1, 1024)
    assert (elsewhere / "neighbours.png").is_file()


def test_the_notebook_holds_no_output():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_the_page_of_python_runs_from_top_to_bottom(elsewhere):
    page = (ROOT / "docs" / "python.md").read_text()
    given = runpy.run_path(str(Path(__file__).parent / "given_to_python_page.py"))
    script = elsewhere / "page.py"
    script.write_text("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)))
    runpy.run_path(str(script), init_globals=given)


def imports(text: str) -> list[tuple[str, str]]:
    """Returns what ``text`` imports of ours: module and name."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    pairs = [(node.module or "", alias.name) for node in nodes for alias in node.names]
    return [pair for pair in pairs if pair[0].split(".")[0] in OURS]


PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("papers/*/README.md")])
BLOCKS = [
    (path, number, pair)
    for path in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL))
    for pair in imports(block)
    if not PLACEHOLDER.search(pair[0])
]


@pytest.mark.parametrize(
    ("path", "number", "pair"), BLOCKS, ids=[f"{p.name} {n}: {m}.{a}" for p, n, (m, a) in BLOCKS]
)
def test_what_a_page_imports_is_there(path, number, pair):
    module, name = pair
    assert hasattr(import_module(module), name), f"{path.name}: from {module} import {name}"


def test_the_pages_import_something():
    assert {path.name for path, _, _ in BLOCKS} >= {"README.md", "python.md"}
