"""The command starts with this project's packages, or says whose are in their place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
START = "from configs.command import main; main()"
# As setuptools' finder of an editable install: it looks after the path, for whole names.
EDITABLE = """
import sys
from importlib.machinery import PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path

class Editable:
    @staticmethod
    def find_spec(name, path=None, target=None):
        place = Path({root!r}, *name.split("."))
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                return spec_from_file_location(name, file)

sys.meta_path.insert(sys.meta_path.index(PathFinder) + 1, Editable)
"""


def run_papers(*words, first=()):
    """Runs the command with the folders ``first`` before this project's."""
    path = os.pathsep.join(map(str, [*first, ROOT]))
    return subprocess.run(
        # Safe: the current folder is no place to import from, as for an installed script.
        [sys.executable, "-P", "-c", START, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.parametrize("name", ["common", "papers"])
def test_another_projects_package_is_told_with_its_place(name, tmp_path):
    theirs = tmp_path / name
    theirs.mkdir()
    (theirs / "__init__.py").write_text("raise SystemExit(0)  # must not be imported\n")
    done = run_papers("--version", first=[tmp_path])
    assert (done.returncode, done.stdout) == (2, "")
    assert str(theirs.resolve()) in done.stderr and str(ROOT) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("line", ["from papers.swav import SwAV", "import common, papers"])
def test_python_says_what_the_command_says_of_another_common(line, tmp_path):
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "__init__.py").write_text("")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-P", "-c", line],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    told = run_papers("--version", first=[tmp_path]).stderr.removeprefix("error: ")
    assert done.stderr.endswith(f"ImportError: {told}")


@pytest.mark.parametrize("files", [[], ["__init__.py"]])
def test_python_names_another_papers_where_an_editable_install_finds_ours_in_it(files, tmp_path):
    (tmp_path / "papers").mkdir()
    for name in files:
        (tmp_path / "papers" / name).write_text("")
    line = f"{EDITABLE.format(root=str(ROOT))}from papers.swav import SwAVConfig"
    done = subprocess.run(
        [sys.executable, "-c", line],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert "own package 'papers'" in done.stderr.splitlines()[-1], done.stderr
    assert str(tmp_path / "papers") in done.stderr and "python -P" in done.stderr


def test_folders_that_are_no_packages_are_in_nobodys_way(tmp_path):
    for name in ("common", "papers"):
        (tmp_path / name).mkdir()
    done = run_papers("--version", first=[tmp_path])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
