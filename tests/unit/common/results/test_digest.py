import re

import pytest

from common.results.digest import closure, code_digest

FILES = {
    "papers/__init__.py": "",
    "papers/a/__init__.py": (
        'PAPER = dict(title="A", target="none", modalities=("images",), protocols=("knn",),\n'
        '    own_sets={"made": S("readers.made:make")})'
    ),
    "papers/a/module.py": 'from common.losses import nce\nBASE = "common.methods.base:Base"\n',
    "papers/a/config.py": "from dataclasses import dataclass\n",
    "papers/a/reference.py": "CASES = {}\n",
    "papers/a/plots.py": "from common.plots.images import grid\nNAME = 'plain'\n",
    "papers/a/readers/made.py": "from common.data.images.stroke import s\nNAME = 'plain'\n",
    "papers/b/__init__.py": (
        'PAPER = dict(title="B", target="none", modalities=("graphs",), protocols=("nmi",),\n'
        '    own_backbones={"graphs": {"wide": "module:Wide"}})'
    ),
    "papers/b/module.py": "x = 1\n",
    "common/__init__.py": "",
    "common/training/fit.py": (
        "from common.errors import say\nfrom . import loop\n"
        "from common.data.modality import DataSets\n"
        "from common.evaluation.config import EvaluationConfig\n"
    ),
    "common/training/loop.py": "z = 1\n",
    "common/errors.py": "def say(): pass\n",
    "common/plots/images.py": "def grid(): pass\n",
    "common/losses/__init__.py": '"""Losses."""',
    "common/losses/nce.py": '"""Doc."""\ndef nce(a):\n    """More."""\n    return a + 1  # why\n',
    "common/methods/base.py": "class Base: pass\n",
    "common/evaluation/knn.py": "k = 1\n",
    "common/evaluation/nmi.py": "n = 1\n",
    "common/data/images/module.py": "p = 1\n",
    "common/data/images/config.py": 'class Images:\n    name: str = "digits"\n',
    "common/data/images/readers/digits.py": "from common.data.images.forge import f\n",
    "common/data/images/forge.py": "f = 1\n",
    "common/data/images/stroke.py": "s = 1\n",
    "common/data/graphs/config.py": 'class Graphs:\n    name: str = "acm"\n',
    "common/data/graphs/readers/acm.py": "from common.data.graphs.links import e\n",
    "common/data/graphs/links.py": "e = 1\n",
    "common/data/targets/number/module.py": "t = 1\n",
    "common/data/images/__init__.py": (
        'MODALITY = M(title="images", module=("common.data.images.module:P",\n'
        '    "common.data.images.config:P"), sets={\n'
        '    "digits": S("common.data.images.readers.digits:load", form="acm"),\n'
        '    "ages": S("common.data.images.readers.ages:load", target="number")},\n'
        '    backbones={"conv": "common.backbones.conv:Conv"})\n'
    ),
    "common/data/graphs/__init__.py": (
        'MODALITY = M(module=("common.data.graphs.module:G", "common.data.graphs.config:G"),\n'
        '    sets={"acm": S("common.data.graphs.readers.acm:load")})\n'
    ),
    "common/data/targets/number/__init__.py": (
        'TARGET = T(modalities=("images",), module=("common.data.targets.number.module:N",\n'
        '    "common.data.targets.number.module:C"))\n'
    ),
    "common/data/images/readers/ages.py": "from common.data.images.years import y\n",
    "common/data/images/years.py": "y = 1\n",
    "common/backbones/conv.py": "class Conv: pass\n",
    "common/registry.py": (
        'WINGS = {"images": "common.data.images:MODALITY", "graphs": "common.data.graphs:MODALITY",'
        '\n    "number": "common.data.targets.number:TARGET"}\n'
        'PROTOCOLS = {"knn": ("common.evaluation.knn:run", "common.evaluation.knn_config:Knn"),\n'
        '    "nmi": ("common.evaluation.nmi:run", "common.evaluation.nmi:Nmi")}\n'
    ),
    "common/evaluation/config.py": "class EvaluationConfig:\n    every: int = 1\n",
    "common/evaluation/knn_config.py": "class Knn:\n    k: int = 20\n",
    "configs/a/quick.yaml": "paper: a\n# not acm\ndata: {name: digits}\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def edit(tree, name, old, new):
    path = tree / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_closure_follows_imports_strings_and_registered_names(tree):
    assert closure("a", tree) == [
        "common/data/images/config.py",
        "common/data/images/forge.py",
        "common/data/images/module.py",
        "common/data/images/stroke.py",
        "common/evaluation/config.py",
        "common/evaluation/knn.py",
        "common/evaluation/knn_config.py",
        "common/losses/__init__.py",
        "common/losses/nce.py",
        "common/methods/base.py",
        "common/training/fit.py",
        "common/training/loop.py",
        "papers/a/__init__.py",
        "papers/a/config.py",
        "papers/a/module.py",
    ]
    assert "common/evaluation/nmi.py" in closure("b", tree)
    assert "common/data/graphs/links.py" in closure("b", tree)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("common/losses/nce.py", "  # why", "  # because"),
        ("common/losses/nce.py", '"""More."""', '"""Less."""'),
        ("common/losses/nce.py", "a + 1", "(a+1)"),
        ("papers/a/reference.py", "{}", "{1: 2}"),
        ("papers/a/plots.py", "'plain'", "'nmi'"),
        ("papers/a/readers/made.py", "'plain'", "'nmi'"),
        ("common/plots/images.py", "pass", "return 1"),
        ("common/errors.py", "pass", "return 1"),
        ("common/data/images/readers/digits.py", "\n", "\nd = 2\n"),
        ("common/evaluation/nmi.py", "1", "2"),
        ("common/registry.py", "PROTOCOLS = {", "PROTOCOLS = {'x': 'common.evaluation.x:y', "),
        ("common/data/images/__init__.py", '"images"', '"pictures"'),
        ("common/data/images/__init__.py", "conv:Conv", "conv:Other"),
        ("papers/b/__init__.py", '"wide"', '"wider"'),
    ],
)
def test_what_cannot_change_a_number_leaves_the_digest(tree, name, old, new):
    before = code_digest("a", tree)
    edit(tree, name, old, new)
    assert code_digest("a", tree) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("common/losses/nce.py", "a + 1", "a + 2"),
        ("common/training/loop.py", "1", "2"),
        ("common/methods/base.py", "pass", "x = 1"),
        ("common/evaluation/knn.py", "1", "2"),
        ("common/data/images/forge.py", "1", "2"),
        ("papers/a/__init__.py", '"A"', '"A, second edition"'),
        ("common/evaluation/knn_config.py", "k: int = 20", "k: int = 10"),
        ("common/evaluation/config.py", "every: int = 1", "every: int = 2"),
        ("common/registry.py", "common.evaluation.knn_config:Knn", "common.evaluation.nmi:Nmi"),
        ("common/data/images/__init__.py", "images.module:P", "images.module:Q"),
    ],
)
def test_what_can_change_a_number_changes_the_digest(tree, name, old, new):
    before = code_digest("a", tree)
    edit(tree, name, old, new)
    assert code_digest("a", tree) != before


def test_a_papers_own_reader_leads_to_the_numbers_that_it_calls(tree):
    found = closure("a", tree)
    assert "common/data/images/stroke.py" in found and "papers/a/readers/made.py" not in found
    edit(tree, "papers/a/__init__.py", "own_sets", "other")
    assert "common/data/images/stroke.py" not in closure("a", tree)


def test_a_target_with_a_data_module_leads_to_that_and_to_none_of_its_modalities(tree):
    assert "common/data/targets/number/module.py" not in closure("a", tree)
    edit(tree, "papers/a/__init__.py", '"none"', '"number"')
    found = closure("a", tree)
    assert "common/data/targets/number/module.py" in found
    assert "common/data/images/module.py" not in found


def test_a_name_is_asked_for_in_the_part_of_the_papers_own_data_module(tree):
    edit(tree, "configs/a/quick.yaml", "name: digits", "name: digits, root: acm")
    assert "common/data/graphs/links.py" not in closure("a", tree)
    edit(tree, "configs/a/quick.yaml", "root: acm", "root: acm, beside: graphs")
    assert "common/data/graphs/links.py" in closure("a", tree)


def test_a_set_that_names_a_target_is_of_the_targets_data_module(tree):
    edit(tree, "configs/a/quick.yaml", "name: digits", "name: ages")
    assert "common/data/images/years.py" not in closure("a", tree)
    edit(tree, "papers/a/__init__.py", '"none"', '"number"')
    assert "common/data/images/years.py" in closure("a", tree)


def test_what_a_paper_registers_is_of_those_who_name_it(tree):
    before = code_digest("a", tree)
    edit(tree, "papers/b/__init__.py", '"module:Wide"', '"other:Wide"')
    assert code_digest("a", tree) == before
    edit(tree, "configs/a/quick.yaml", "name: digits", "name: digits, backbone: wide")
    wider = code_digest("a", tree)
    edit(tree, "papers/b/__init__.py", '"other:Wide"', '"module:Wide"')
    assert code_digest("a", tree) not in (before, wider)
    assert "papers/b/module.py" in closure("a", tree)


def test_what_is_no_recipe_is_in_the_lists_not_here(tree):
    digest = code_digest("a", tree)
    (tree / "configs" / "a" / "folder.yaml").mkdir()
    (tree / "configs" / "a" / "latin.yaml").write_bytes(b"paper: \xe9\n")
    assert code_digest("a", tree) == digest


def test_it_is_short_hexadecimal(tree):
    assert re.fullmatch(r"[0-9a-f]{12}", code_digest("a", tree))
