"""What `papers train` does: a recipe or a plan for the path of data, and overrides."""

import os
from pathlib import Path

from rich.console import Console

from common.config.build import nearest_key
from common.config.console import Screen
from common.config.files import reading
from common.config.overrides import is_setting
from common.config.recipe import SECTIONS, load_recipe
from common.config.references import FILE_PATTERN, is_method, recipe_names
from common.config.schema import Recipe
from common.data.catalogue.root import require_data
from common.errors import UsageError, suggest
from common.paper import paper_names
from common.results.configuration import load_recipe_or_record


def train_words(
    reference: str,
    words: list[str],
    runs: Path,
    console: Console,
    *,
    save: Path | None = None,
    only_show: bool = False,
) -> None:
    """Trains what the words ask for; with a path, what is planned for the data there.

    Args:
        reference: A paper, a recipe or a file.
        words: A path, and ``key=value``.
        runs: The folder for run folders.
        console: Where the plan and the run are shown.
        save: The file that keeps the plan.
        only_show: Print the resolved recipe in place of training it; the plan goes to stderr.

    Raises:
        UsageError: A word that is neither a path nor a setting, or what a plan or recipe refuses.
    """
    recipe, planned = _recipe_of(
        reference, words, save, Screen(stderr=True) if only_show else console
    )
    if only_show:
        from common.cli.listing import print_recipe

        print_recipe(recipe, console)
        return
    require_data(recipe.data.name, recipe.data.root, recipe.data.path)
    from common.runs.run import start_run

    start_run(recipe, runs, console, planned=planned)


def _recipe_of(
    reference: str, words: list[str], save: Path | None, console: Console
) -> tuple[Recipe, list[str] | None]:
    """Returns the recipe, and the words that plan it where no file holds it."""
    _refuse_path(reference)
    _refuse_options(reference, words)
    path, overrides = split_path(reference, words)
    if path is None:
        if save is not None:
            raise UsageError(f"--save {save}: keeps the plan for your data; name their path, too")
        return load_recipe_or_record(reference, overrides), None
    from common.own_data.plan import make_plan  # here alone: it imports numpy and Pillow
    from common.own_data.show import check_save, save_plan, show_plan

    with reading(path):
        plan = make_plan(reference, path, overrides)
    if save is not None:
        check_save(save, plan.recipe.paper)
    show_plan(plan, console)
    if save is None:
        return plan.recipe, plan.asked
    save_plan(plan, save)
    console.print(f"wrote {save}", soft_wrap=True)
    return load_recipe(str(save)), None


def split_path(reference: str, words: list[str]) -> tuple[str | None, list[str]]:
    """Returns the path of the user's data, if there is one, and the words that set values.

    Raises:
        UsageError: A word is neither; the mend is told for a recipe's name.
    """
    paths = [word for word in words if not is_setting(word)]
    if not paths:
        return None, words
    first, settings = paths[0], [word for word in words if word not in paths]
    if len(paths) > 1:
        raise UsageError(f"{paths[1]}: one path can be given, and settings as key=value")
    if not os.path.exists(os.path.expanduser(first)):
        _refuse_word(reference.lower(), first)
    return first, settings


def _refuse_word(reference: str, word: str) -> None:
    if word.partition(".")[0] in (*SECTIONS, "seed"):
        raise UsageError(f"{word!r} is not key=value (for example optimizer.lr=0.3)")
    known = recipe_names(reference) if reference in paper_names() else []
    if word.partition(":")[0] in known:
        raise UsageError(f"{word!r}: no such path; the recipe of that name is {reference}/{word}")
    path = Path(word)
    beside = [str(path.parent / one.name) for one in path.parent.glob("*")]
    names = [f"{reference}/{name}" for name in known]
    hints = suggest(word, beside), suggest(f"{reference}/{word}", names)
    near = next((one for one in hints if "did you mean" in one), None)
    hint = near or "; a setting is key=value, such as seed=1"
    raise UsageError(f"{word!r} does not exist; the second word is the path of your data{hint}")


def _refuse_path(reference: str) -> None:
    """Raises `UsageError` where the user's data stand in the place of the paper."""
    name = reference.lower().partition("/")[0].partition(":")[0]
    is_recipe = FILE_PATTERN.fullmatch(reference) or reference.endswith(".json")
    is_named = is_recipe or name in paper_names() or is_method(name)
    if not is_named and os.path.exists(os.path.expanduser(reference)):
        from common.own_data.plan import without_paper

        with reading(reference):
            raise UsageError(without_paper(reference))


def _refuse_options(reference: str, words: list[str]) -> None:
    for place, word in enumerate(words):
        if word.startswith("-") and "=" not in word:
            after = words[place + 1] if place + 1 < len(words) else "VALUE"
            name = word.lstrip("-").replace("-", "_")
            keys = ["seed", *load_recipe_or_record(reference).origins]
            near = nearest_key(name, keys)
            setting = f"{near}={after}" if near else "key=value, such as seed=1"
            raise UsageError(f"{word}: no option of train; a setting is written {setting}")
