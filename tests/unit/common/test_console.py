import os
import subprocess
import sys
import warnings

import pytest
from PIL import Image

from common.cli import campaigns, compare, data, main, parity
from common.config.checkout import SOURCE_ROOT
from common.config.console import plain_table, print_table, say, say_warnings


def test_the_projects_warnings_are_shown_in_their_own_words(monkeypatch, capsys):
    left_to_python = []
    monkeypatch.setattr(warnings, "showwarning", lambda *place: left_to_python.append(place))
    say_warnings()
    ours = SOURCE_ROOT / "papers" / "swav" / "config.py"
    warnings.showwarning("odd [value]", UserWarning, str(ours), 3)
    assert capsys.readouterr().err == "warning: odd [value]\n" and not left_to_python
    theirs = str(SOURCE_ROOT / ".venv" / "lib" / "other.py")
    warnings.showwarning("odd", UserWarning, theirs, 3)
    assert left_to_python == [("odd", UserWarning, theirs, 3, None, None)]
    assert capsys.readouterr().err == ""


def test_a_screen_shows_brackets_and_colons_as_they_are(capsys):
    say("autotcl/uea:coffee: refused")
    assert capsys.readouterr().err == "autotcl/uea:coffee: refused\n"
    for module in main, campaigns, compare, data, parity:
        module.console.print("stored in runs [old]/[/b]", soft_wrap=True)
        table = plain_table("place")
        table.add_row("runs [old]")
        print_table(table, module.console)
        shown = capsys.readouterr().out
        assert shown.startswith("stored in runs [old]/[/b]\n") and shown.endswith("runs [old]\n")


def test_a_name_that_is_no_text_is_shown_and_stands_in_no_recipe(tmp_path):
    photos = tmp_path / "caf\udce9"
    for place in "a/0.png", "a/1.png", "b/0.png", "b/1.png":
        (photos / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40)).save(photos / place)
    words = [sys.executable, "-m", "common.cli.main", "train", "swav", str(photos)]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(words, cwd=SOURCE_ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert r"caf\udce9" in done.stderr and "rename it" in done.stderr


FULL = "error: standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("list swav > /dev/full", 1, FULL),
        ("--help > /dev/full", 1, FULL),
        ("list swav | head -1 > /dev/null", 0, ""),
        ("--help | head -1 > /dev/null", 0, ""),
        ("train nothing 2> /dev/full", 2, ""),
    ],
)
def test_a_screen_that_takes_no_more_costs_no_traceback(line, code, said):
    line = f"set -o pipefail; {sys.executable} -m common.cli.main {line}"
    done = subprocess.run(["bash", "-c", line], cwd=SOURCE_ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, said)
