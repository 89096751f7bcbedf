import warnings
from types import SimpleNamespace

from common.cli.messages import option_hint, say, say_warnings
from common.config.checkout import SOURCE_ROOT


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


def test_the_name_of_a_variant_is_no_image(capsys):
    say("autotcl/uea:coffee: refused")
    assert capsys.readouterr().err == "autotcl/uea:coffee: refused\n"


def error(option, *parameters):
    command = SimpleNamespace(params=[SimpleNamespace(name=name) for name in parameters])
    return SimpleNamespace(option_name=option, ctx=SimpleNamespace(command=command))


def test_an_unknown_option_may_be_a_value_of_the_recipe():
    assert "KEY=VALUE" in option_hint(error("--lr", "reference", "overrides"))
    far = error("--lr", "overrides")
    far.possibilities = ["--help", "--runs"]
    assert option_hint(far)


def test_other_errors_and_commands_without_recipes_get_no_hint():
    assert option_hint(error("--seed", "paper")) is None
    assert option_hint(ValueError("no option")) is None
    near = error("--print-confg", "overrides")
    near.possibilities = ["--print-config"]
    assert option_hint(near) is None
