"""Errors a user can act on: each names what is wrong and how to mend it."""

from difflib import get_close_matches
from pathlib import Path


class LikewiseError(Exception):
    """A failure with a message for the user; the command ends with exit code 1."""

    exit_code = 1


class UsageError(LikewiseError):
    """Bad usage or bad input, found before any compute is spent; exit code 2."""

    exit_code = 2


class ConfigError(UsageError):
    """A recipe or an override that the schema refuses."""


class DataError(UsageError):
    """Data that are missing or broken."""


def suggest(name: str, known: list[str]) -> str:
    """Returns ``; did you mean 'x'?`` or the list of known names when nothing is close."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def refuse_file(reference: str, configs: Path) -> None:
    """Raises `UsageError` where a file stands for a recipe's name, with how to name one.

    Args:
        reference: What should be ``paper[/recipe[:variant]]``.
        configs: The folder of all recipes.
    """
    path = Path(reference)
    if path.suffix not in (".yaml", ".yml") and not reference.startswith(("/", "./", "../", "~")):
        return
    name = f"{path.parent.name}/{path.stem}"
    if (configs / f"{name}.yaml").is_file():
        raise UsageError(f"{reference}: a recipe is given by its name; write {name}")
    place = configs / "PAPER" / "RECIPE.yaml"
    raise UsageError(
        f"{reference}: a recipe is given by its name, PAPER/RECIPE, and its file is {place}: put "
        "yours there, or change a recipe's values with KEY=VALUE"
    )
