"""A paper that allows several processes has a test that holds them against one."""

import ast
from pathlib import Path

import pytest

from common.paper import get_paper, paper_names

TESTS = Path(__file__).resolve().parents[1]
COMPARING = {"assert_equal_to_one_process", "run_processes"}
SEVERAL = [paper for paper in paper_names() if get_paper(paper).ddp_strategy is not None]


def modules_on_processes(text: str) -> set[str]:
    """Returns the papers whose ``module.py`` this test file imports and runs on processes."""
    nodes = list(ast.walk(ast.parse(text)))
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    if not calls & COMPARING:
        return set()
    origins = [(node.module or "").split(".") for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name[1] for name in origins if name[0] == "papers" and name[2:] == ["module"]}


@pytest.fixture(scope="module")
def tested() -> set[str]:
    return {
        name for path in TESTS.rglob("test_*.py") for name in modules_on_processes(path.read_text())
    }


@pytest.mark.parametrize("paper", SEVERAL)
def test_a_paper_that_allows_several_processes_is_tested_with_two(
    paper: str, tested: set[str]
) -> None:
    assert paper in tested, (
        f"papers/{paper}: ddp_strategy={get_paper(paper).ddp_strategy!r}, but no file of tests/ "
        f"imports papers.{paper}.module and calls assert_equal_to_one_process: add one such as "
        "tests/system/test_swav_processes.py, or declare ddp_strategy=None with a ddp_refusal"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from papers.a.module import A\nassert_equal_to_one_process(train_all)", {"a"}),
        ("from papers.a.module import A\ndef test():\n    x = run_processes(f)", {"a"}),
        ("from papers.a.module import A\ntrain_all()", set()),
        ("from papers.a.loss import a\nrun_processes(f)", set()),
        ("from papers.a.module import A\nfrom tests.gloo import run_processes", set()),
    ],
)
def test_the_rule_sees_what_it_should(text: str, found: set[str]) -> None:
    assert modules_on_processes(text) == found
