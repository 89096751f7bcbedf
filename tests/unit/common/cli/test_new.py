import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from common.cli.new import reference_case, scaffold
from common.config.checkout import SOURCE_ROOT
from common.errors import UsageError

COPIED = ("papers", "common", "configs", "pyproject.toml", "README.md")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in COPIED:
        source = SOURCE_ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name, **({"ignore": ignored} if source.is_dir() else {}))
    (tmp_path / "tests/reference").mkdir(parents=True)
    shutil.copy(SOURCE_ROOT / "tests/reference/test_parity.py", tmp_path / "tests/reference")
    shutil.copytree(SOURCE_ROOT / "tests/repo", tmp_path / "tests/repo", ignore=ignored)
    for helper in (SOURCE_ROOT / "tests").glob("*.py"):
        shutil.copy(helper, tmp_path / "tests")
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )


def test_a_new_paper_passes_its_tests_and_the_house_rules(checkout: Path) -> None:
    said = io.StringIO()
    written = scaffold("my_paper", Console(file=said), checkout)
    assert checkout / "papers/my_paper/module.py" in written
    tests = ["tests/unit", "tests/reference", "tests/repo/test_recipes.py", "-k", "my_paper"]
    result = run(checkout, "pytest", *tests, "tests/repo/test_imports.py")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "passed" in result.stdout or "." in result.stdout
    changed = [str(path) for path in written if path.suffix == ".py"]
    for check in (["check"], ["format", "--check"]):
        result = run(checkout, "ruff", *check, *changed)
        assert result.returncode == 0, result.stdout + result.stderr
    assert "(papers/my_paper)" in (checkout / "README.md").read_text()
    for name, rest in ("README.md", ": a line in"), ("papers/my_paper/loss.py", "\n"):
        assert f"wrote {os.path.relpath(checkout / name)}{rest}" in said.getvalue()


TRIED = """import torch
import torch.nn.functional as F


def contrast(z1, z2, labels=None, temperature=0.2, kind="cosine"):
    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    return F.cross_entropy(z1 @ z2.T / temperature, torch.arange(len(z1)))
"""


@pytest.mark.slow
def test_a_tried_loss_becomes_a_paper_that_passes_its_tests(checkout: Path) -> None:
    file = checkout / "mine.py"
    file.write_text(TRIED)
    words = ["configs.command", "try", f"{file}:contrast", "temperature=0.3", "--only-checks"]
    saved = run(checkout, *words, "--save", "my_loss")
    assert saved.returncode == 0, saved.stdout + saved.stderr
    config = (checkout / "papers/my_loss/config.py").read_text()
    assert "temperature: float = 0.3" in config and 'kind: str = "cosine"' in config
    tests = ["tests/unit", "tests/reference", "tests/repo/test_recipes.py", "-k", "my_loss"]
    result = run(checkout, "pytest", *tests)
    assert result.returncode == 0, result.stdout + result.stderr
    written = [*(checkout / "papers/my_loss").glob("*.py"), checkout / "tests/unit/papers/my_loss"]
    for check in (["check"], ["format", "--check"]):
        result = run(checkout, "ruff", *check, *map(str, written))
        assert "my_loss/loss.py" in result.stdout or result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", ["My", "2nd", "a-b", "class", "", "../out"])
def test_a_name_that_is_no_module_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no name for a paper"):
        scaffold(name, Console(file=io.StringIO()), tmp_path)


def test_a_taken_name_is_refused(checkout: Path) -> None:
    with pytest.raises(UsageError, match="simclr: is a method that papers share; choose another"):
        scaffold("simclr", Console(file=io.StringIO()), checkout)
    for name in "swav", "common", "tests":
        with pytest.raises(UsageError, match=f"{name} exists already; choose another name"):
            scaffold(name, Console(file=io.StringIO()), checkout)


def test_an_installed_copy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no checkout"):
        scaffold("mine", Console(file=io.StringIO()), tmp_path)


def test_the_stored_gradient_is_the_slope_of_the_stored_values() -> None:
    arrays, _ = reference_case()
    z1, z2 = arrays["z1"], arrays["z2"]

    def value(x: np.ndarray) -> float:
        distances = ((x[:, None] - x[None]) ** 2).sum(-1)[np.tril_indices(len(x), -1)]
        return ((x - z2) ** 2).sum(1).mean() + np.log(np.exp(-1.7 * distances).mean())

    step = np.zeros_like(z1)
    step[2, 1] = 1e-6
    slope = (value(z1 + step) - value(z1 - step)) / 2e-6
    assert arrays["grad_z1"][2, 1] == pytest.approx(slope, abs=1e-8)
    assert arrays["agreement"] + arrays["spread"] == pytest.approx(value(z1))
