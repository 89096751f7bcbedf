"""The built wheel, unpacked outside of the checkout, holds all that command and papers read."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from common.paper import get_paper, paper_names

ROOT = Path(__file__).resolve().parents[2]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
COMMAND = "from configs.command import main; main()"


def python(folder: Path, *words: str, **environment: str) -> str:
    """Runs Python in ``folder`` and returns what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the wheel's content; it is built of a copy, since building writes beside the code."""
    pytest.importorskip("setuptools", minversion="77")
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for folder in ("papers", "common", "configs"):
        kept = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, source / folder, ignore=kept)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    python(source, BUILD, str(source), PYTHONPATH="")
    (wheel,) = source.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    return site


@pytest.mark.slow
def test_the_command_lists_and_shows(site: Path, tmp_path: Path) -> None:
    said = python(tmp_path, COMMAND, "list", PYTHONPATH=str(site), COLUMNS="200")
    assert all(name in said for name in paper_names())
    told = python(tmp_path, COMMAND, "info", "swav", PYTHONPATH=str(site))
    assert "papers train swav" in told
    shown = python(tmp_path, COMMAND, "train", "meow", "--print-config", PYTHONPATH=str(site))
    assert 'paper: "meow"' in shown
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_module_is_imported_from_it(site: Path, tmp_path: Path) -> None:
    names = [f"papers.{name} {get_paper(name).module_class}" for name in paper_names()]
    code = (
        "import sys, common; from importlib import import_module; print(common.__file__)\n"
        "for word in sys.argv[1:]:\n"
        "    package, name = word.split(); print(getattr(import_module(package), name).__name__)\n"
        "from papers.swav import SwAV; import torch\n"
        "print(SwAV()(torch.rand(2, 3, 32, 32)).shape[1])"
    )
    first, *others, width = python(tmp_path, code, *names, PYTHONPATH=str(site)).split()
    assert Path(first).is_relative_to(site)
    assert others == [name.split()[1] for name in names] and width == "2048"
