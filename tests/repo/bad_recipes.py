"""Draws wrong overrides for one paper's recipe and gives them to the command, without torch.

    python -m tests.repo.bad_recipes PAPER

Ends with an error as soon as a draw ends otherwise than with exit code 2 and one clear message.
"""

import contextlib
import io
import sys
from dataclasses import fields, is_dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.cli import main
from common.config import load_recipe

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
STRUCTURES = ["[]", "[a, b]", "{a: 1}", "[[1]]"]
# What is of the wrong type for a value of each type; a text that YAML reads as such.
WRONG = {
    bool: ["2", "-1.5", "perhaps", *STRUCTURES],
    int: ["1.5", "many", "true", "''", ".nan", ".inf", *STRUCTURES],
    float: ["many", "true", "''", ".nan", "-.inf", *STRUCTURES],
    str: STRUCTURES,
    list: ["{a: 1}", "7.5", "true"],
}


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Returns the dotted keys of a recipe that take one value, with the value they have."""
    if not is_dataclass(value):
        return {path: value}
    prefix = f"{path}." if path else ""
    return {
        key: found
        for field in fields(value)
        for key, found in leaves(getattr(value, field.name), prefix + field.name).items()
    }


def wrong_words(paper: str) -> st.SearchStrategy[str]:
    """Returns a strategy of overrides none of which the paper's recipe can take."""
    known = {key: value for key, value in leaves(load_recipe(paper)).items() if value is not None}
    sections = sorted({key.rpartition(".")[0] for key in known} - {""})
    settable = sorted(key for key in known if "." in key and type(known[key]) in WRONG)
    unknown = st.builds(
        lambda section, name: f"{section}.{name}_=1", st.sampled_from(sections), NAMES
    )
    mistyped = st.sampled_from(settable).flatmap(
        lambda key: st.sampled_from(WRONG[type(known[key])]).map(lambda text: f"{key}={text}")
    )
    malformed = st.one_of(NAMES, NAMES.map(lambda name: f"={name}"), st.just("optimizer={"))
    return st.one_of(unknown, mistyped, malformed)


def outcome(words: list[str]) -> tuple[object, str]:
    """Returns the command's exit code and what it wrote to the error stream."""
    sys.argv, errors = ["papers", *words], io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as stop:
            return stop.code or 0, errors.getvalue()
    return 0, errors.getvalue()


def check(paper: str) -> None:
    """Gives the command drawn words.

    Raises:
        AssertionError: If one is taken, or refused otherwise than with code 2 and a message.
    """

    @settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(word=wrong_words(paper))
    def refused(word: str) -> None:
        code, errors = outcome(["train", paper, "--print-config", word])
        assert code == 2, (word, code, errors)
        assert "error" in errors.lower() and "Traceback" not in errors, (word, errors)

    refused()
    assert "torch" not in sys.modules


if __name__ == "__main__":
    check(sys.argv[1])
