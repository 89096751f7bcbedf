"""The plan as the user sees it, and as a recipe file that can be kept."""

import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from common.config.console import plain_table, print_table
from common.config.devices import usable_cores
from common.config.files import write_atomic
from common.config.overrides import as_word, changed_values
from common.config.recipe import SECTIONS
from common.config.references import OWN_NAME_PATTERN, recipe_names
from common.config.schema import Recipe, section_defaults
from common.config.yaml_io import to_yaml
from common.errors import UsageError
from common.own_data.plan import Plan
from common.paper import get_paper

LONGEST = 48  # letters of a value on the screen
START = 30  # seconds to load the libraries and to draw what was trained


def show_plan(plan: Plan, console: Console) -> None:
    """Prints what was found, each chosen value with its reason, and how long it may take."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True)

    say(f"{plan.found.path}: {plan.found.describe()}")
    say(f"plan, on top of {plan.base} (your own key=value wins):")
    table = plain_table("", "")
    for key, choice in plan.choices.items():
        word = as_word(key, choice.value)
        word = word if len(word) <= LONGEST + len(key) else f"{word[: LONGEST + len(key)]}..."
        table.add_row(Text(f"  {word}"), Text(choice.why))
    table.show_header = False
    print_table(table, console)
    for note in plan.notes:
        say(note)
    say(expected(plan))


def expected(plan: Plan) -> str:
    """Returns how long the training may take, as the rough estimate that it is."""
    if plan.seconds is None:
        return "The expected time is not known; the progress bar tells after the first steps."
    minutes = (plan.seconds + START) / 60
    told = f"{minutes / 60:.0f} hours" if minutes >= 90 else f"{minutes:.0f} minutes"
    told = f"about {told}" if minutes >= 1.5 else "a minute or less"
    cores = usable_cores()
    return (
        f"Expected time: {told} on {cores} idle CPU core{'s' * (cores > 1)}, a rough estimate "
        "from the counts; a GPU is faster."
    )


def check_save(file: Path, paper: str) -> None:
    """Raises `UsageError` where the plan cannot be kept in ``file``: it is there, or misnamed."""
    if file.suffix not in (".yaml", ".yml") or not OWN_NAME_PATTERN.fullmatch(file.stem):
        raise UsageError(f"--save {file}: name it NAME.yaml, with letters, digits, _ and - only")
    if file.stem in recipe_names(paper):
        raise UsageError(f"--save {file}: {paper} has a recipe {file.stem!r}; choose another name")
    if file.exists():
        raise UsageError(f"--save {file}: the file is there already; choose another name")
    if not file.parent.is_dir():
        raise UsageError(f"--save {file}: there is no folder {file.parent}")


def save_plan(plan: Plan, file: Path) -> None:
    """Writes the plan as a recipe that ``papers train`` takes, with its reasons as comments."""
    paper = plan.recipe.paper
    lines = [
        f"{paper} on {plan.found.path}: {plan.found.describe()}.",
        f"Made by `{shlex.join(['papers', 'train', *plan.asked])}`.",
        *(f"{key}: {choice.why}" for key, choice in plan.choices.items() if choice.why),
        *plan.notes,
        expected(plan),
    ]
    comments = "".join(f"# {line}\n" for line in lines)
    write_atomic(file, comments + to_yaml(recipe_content(plan.recipe)))


def recipe_content(recipe: Recipe) -> dict[str, Any]:
    """Returns what a file must hold to be ``recipe``: all values that are not the default."""
    content: dict[str, Any] = {"paper": recipe.paper, "arm": recipe.arm, "seed": recipe.seed}
    if recipe.baseline is not None:
        content["baseline"] = recipe.baseline
    defaults = section_defaults(get_paper(recipe.paper), recipe.baseline)
    for name in SECTIONS:
        content[name] = changed_values(getattr(recipe, name), defaults[name])
    return {key: value for key, value in content.items() if value != {}}
