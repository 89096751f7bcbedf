import getpass
import platform
import subprocess
from pathlib import Path

from common.runs.environment import describe_environment


def git(root, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", root, *identity, *words], check=True, capture_output=True)


def test_the_commit_and_whether_sources_differ_from_it(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "a.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "r.json").write_text("{}")
    clean = describe_environment(tmp_path)
    assert len(clean.commit) == 40
    assert clean.dirty is False, "a record of the run before must not count"
    (tmp_path / "common" / "b.py").write_text("y = 1\n")
    assert describe_environment(tmp_path).dirty is True


def test_outside_a_checkout_commit_and_dirty_are_unknown(tmp_path):
    found = describe_environment(tmp_path)
    assert (found.commit, found.dirty) == (None, None)


def test_it_names_versions_and_processor_but_neither_machine_nor_user(tmp_path):
    found = describe_environment(tmp_path)
    assert found.versions["python"] == platform.python_version()
    assert found.hardware["cores"] >= 1
    for private in (platform.node(), str(Path.home()), str(tmp_path)):
        assert private not in repr(found)
    assert getpass.getuser() not in found.hardware.values()
