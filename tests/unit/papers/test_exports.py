"""`from papers.swav import SwAV`: every class of a paper, imported on first use."""

import ast
from importlib import import_module
from pathlib import Path

import pytest
import torch

import papers.swav
from common import losses
from common.paper import get_paper, paper_names
from common.registry import METHODS, load

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", paper_names())
def test_a_papers_package_gives_its_classes_and_shows_them_to_a_type_checker(name):
    paper, package = get_paper(name), import_module(f"papers.{name}")
    classes = [
        kind
        for baseline in (None, *paper.baselines)
        for kind in (paper.module(baseline), paper.config(baseline))
    ]
    assert all(getattr(package, kind.__name__) is kind for kind in classes)
    names = {kind.__name__ for kind in classes}
    assert set(dir(package)) == names
    declared = ast.walk(ast.parse((ROOT / "papers" / name / "__init__.py").read_text()))
    imported = [
        alias.asname
        for node in declared
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module and node.module.startswith("papers.")
    ]
    assert set(imported) == names


def test_each_module_stands_alone_with_the_defaults_of_its_schema():
    shared = [pair for table in METHODS.values() for pair in table.values()]
    kinds = [(load(module), load(schema)) for module, schema in shared]
    for paper in map(get_paper, paper_names()):
        kinds += [(paper.module(own), paper.config(own)) for own in (None, *paper.baselines)]
    for kind, schema in kinds:
        with torch.device("meta"):
            module = kind()
        assert type(module.method) is schema


def test_a_typo_is_offered_the_nearest_class():
    with pytest.raises(AttributeError, match="'SwAV'"):
        _ = papers.swav.SwaV


def test_every_shared_loss_is_told_by_name():
    assert all(callable(getattr(losses, name)) for name in losses.__all__)
