"""An edit of numbers moves the rows that it touches, and no others; on a copy of the project."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from common.config.checkout import SOURCE_ROOT as ROOT

pytestmark = pytest.mark.slow

SETTINGS = ("quick", "quick:simclr")
# Verifies, then prints why each setting's row does not hold, null where it does.
CHECK = """
import json, sys
from pathlib import Path
from common.results.leaderboard import read_leaderboard
from common.steps.check import check_paper

root = Path(sys.argv[1])
if __name__ == "__main__":
    if sys.argv[2] == "verify":
        check_paper("amcl", root, store=False)
    groups = read_leaderboard(root, "amcl").groups
    print(json.dumps({group.latest.reference.partition("/")[2]: group.stale for group in groups}))
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The code and the records and steps of two settings."""
    root = tmp_path_factory.mktemp("original")
    ignored = shutil.ignore_patterns("__pycache__", "*.md")
    for folder in ("common", "papers", "configs"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    (root / "results" / "amcl").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", root)
    shutil.copytree(ROOT / "results" / "amcl" / "steps", root / "results" / "amcl" / "steps")
    for path in sorted((ROOT / "results" / "amcl").glob("quick*.json")):
        record = json.loads(path.read_text())
        if record["recipe"] + (f":{v}" if (v := record["variant"]) else "") in SETTINGS:
            shutil.copy(path, root / "results" / "amcl")
    (root / "check.py").write_text(CHECK)
    return root


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def standing(copy, verify=True):
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "check.py", str(copy), "verify" if verify else "read"]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def edit(copy, name, old, new):
    path = copy / name
    assert old in path.read_text(), f"{name} no longer holds {old!r}: the test edits nothing"
    path.write_text(path.read_text().replace(old, new))


def test_without_a_change_all_rows_hold(copy):
    assert standing(copy, verify=False) == dict.fromkeys(SETTINGS)


def test_a_rename_asks_for_the_steps_which_clear_it(copy):
    edit(copy, "papers/amcl/module.py", "encoded", "heads_of_views")
    assert standing(copy, verify=False) == dict.fromkeys(SETTINGS, "not checked")
    assert standing(copy) == dict.fromkeys(SETTINGS)


@pytest.mark.parametrize(
    ("name", "old", "new", "moved"),
    [
        ("papers/amcl/module.py", "return result.loss", "return result.loss * 1.0001", {"quick"}),
        ("common/data/images/views.py", "angle.sin()", "-angle.sin()", set(SETTINGS)),
        ("common/optim/schedules.py", "np.cos(np.pi * ", "np.cos(3.14 * ", set(SETTINGS)),
        (
            "common/registry.py",
            "common.methods.simclr:SimCLR",
            "common.methods.barlow_twins:BarlowTwins",
            {"quick:simclr"},
        ),
    ],
    ids=["loss", "view", "schedule", "baseline"],
)
def test_an_edit_of_numbers_moves_its_rows(copy, name, old, new, moved):
    edit(copy, name, old, new)
    found = standing(copy)
    assert {setting for setting, why in found.items() if why == "moved"} == moved
    assert {why for setting, why in found.items() if setting not in moved} <= {None}
