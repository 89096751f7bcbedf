import sys
import warnings
from types import SimpleNamespace

import pytest

from common.checkout import SOURCE_ROOT
from common.messages import option_hint, say, say_warnings


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


def test_the_name_of_a_variant_is_no_picture(capsys):
    say("autotcl/uea:coffee: refused")
    assert capsys.readouterr().err == "autotcl/uea:coffee: refused\n"


SHOW = "`papers train PAPER --print-config` shows the keys"


def error(option, *parameters):
    command = SimpleNamespace(params=[SimpleNamespace(name=name) for name in parameters])
    return SimpleNamespace(option_name=option, ctx=SimpleNamespace(command=command))


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["papers", "train", "swav", "--seed", "1"], "write seed=1"),
        (["papers", "train", "swav", "--seed=1", "data.workers=2"], "write seed=1"),
        (["papers", "train", "swav", "--seed"], "write seed=VALUE"),
        (["papers", "train", "swav", "--lr", "0.1"], "write optimizer.lr=0.1"),
        (["papers", "train", "--lr", "0.1", "meow/acm"], "write optimizer.lr=0.1"),
        (["papers", "train", "swav", "--optimizer.lr=0.1"], "write optimizer.lr=0.1"),
        (["papers", "train", "swav", "--batch-size=8"], "write data.batch_size=8"),
        (["papers", "train", "swav", "-lr=0.1"], "write optimizer.lr=0.1"),
        (["papers", "train", "swav", "--tracking.mode", "offline"], "write tracking.mode=offline"),
        (["papers", "train", "swav", "--lr", "--print-config"], "write optimizer.lr=VALUE"),
        (["papers", "train", "swav", "--views", "[3]"], "write 'data.views=[3]'"),
        (["papers", "train", "swav", "--size", "3"], "write 'data.views=[{size: ...}]'"),
        # Of which recipe? No key of this one?
        (["papers", "evaluate", "runs/a", "--lr", "0.1"], f"write KEY=VALUE; {SHOW}"),
        (["papers", "train", "swav", "--fast", "1"], f"write KEY=VALUE; {SHOW}"),
        (["papers", "train", "swav", "--gpus", "1"], "write trainer.devices=1"),
        (["papers", "train", "swav", "--trainer.gpus=1"], "write trainer.devices=1"),
    ],
)
def test_an_unknown_option_may_be_a_value_of_the_recipe(words, end):
    option = next(word for word in words if word[0] == "-").partition("=")[0]
    option = option if option.startswith("--") else option[:2]
    hint = option_hint(error(option, "reference", "overrides"), words)
    assert hint == f"values of the recipe have no dashes: {end}"


def test_other_errors_and_commands_without_recipes_get_no_hint(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["papers", "list", "--seed", "1"])
    assert option_hint(error("--seed", "paper")) is None
    assert option_hint(ValueError("no option")) is None
    near = error("--print-confg", "overrides")
    near.possibilities = ["--print-config"]
    assert option_hint(near) is None
    near.possibilities = ["--help", "--runs"]
    assert option_hint(near, ["papers", "train"]) is not None
