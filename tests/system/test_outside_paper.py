"""A paper that another project installs: found by its entry point, trained, and kept outside."""

import json
import os
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest

from common.cli.new import SPREAD, TEMPLATES

ROOT = Path(__file__).resolve().parents[2]
WORDS = {"name": "toy", "class_name": "Toy", "title": "Toy", "year": "2026", **SPREAD}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Returns a folder for ``sys.path`` with the package of the paper ``toy``."""
    site, package = tmp_path / "site", tmp_path / "site" / "likewise_toy"
    info = site / "likewise_toy-1.0.dist-info"
    for folder in (package / "configs", info):
        folder.mkdir(parents=True)
    for name in ("__init__.py", "config.py", "loss.py", "module.py"):
        text = Template((TEMPLATES / f"{name}.tmpl").read_text()).substitute(WORDS)
        (package / name).write_text(text.replace("papers.toy", "likewise_toy"))
    recipe = Template((TEMPLATES / "quick.yaml.tmpl").read_text()).substitute(WORDS)
    (package / "configs" / "quick.yaml").write_text(recipe)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: likewise-toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[likewise.papers]\ntoy = likewise_toy\n")
    return site


def call(site: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs ``code`` outside of the checkout, which finds the checkout and ``site``."""
    path = os.pathsep.join([str(ROOT), str(site)])
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=site.parent,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )


def papers(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return call(site, "from configs.command import main; main()", *words)


def test_it_is_listed_and_told_and_a_typo_is_offered_its_name(site):
    assert "toy/quick" in papers(site, "list", "toy").stdout
    assert "toy/quick" in papers(site, "info", "toy/quick").stdout
    missed = papers(site, "info", "toyy")
    assert missed.returncode == 2 and "'toy'" in missed.stderr


def test_its_classes_are_had_and_its_code_is_in_the_digest(site):
    code = (
        "from likewise_toy import Toy, ToyConfig; import torch\n"
        "from common.results.digest import code_digest\n"
        "print(Toy()(torch.rand(2, 3, 16, 16)).shape[0], code_digest('toy'))"
    )
    first = call(site, code)
    assert first.stdout.startswith("2 "), first.stderr
    loss = site / "likewise_toy" / "loss.py"
    loss.write_text(loss.read_text() + "\nADDED = 1\n")
    assert call(site, code).stdout != first.stdout


def test_an_entry_that_leads_nowhere_is_named(site):
    (site / "likewise_toy-1.0.dist-info" / "entry_points.txt").write_text(
        "[likewise.papers]\ntoy = no_such_package\n"
    )
    found = papers(site, "info", "toy")
    assert found.returncode == 2 and "no_such_package" in found.stderr


@pytest.mark.slow
def test_it_trains_and_nothing_enters_the_checkout(site):
    found = papers(
        site,
        "train",
        "toy",
        "trainer.batches=2",
        "tracking.mode=disabled",
        "evaluation.protocols=[knn]",
        "evaluation.references=[]",
    )
    assert found.returncode == 0, found.stderr
    (record,) = (site.parent / "runs" / "toy" / "quick").glob("*/result.json")
    assert json.loads(record.read_text())["paper"] == "toy"
    assert not (ROOT / "results" / "toy").exists()
    assert "papers train toy/quick seed=1" in found.stdout
