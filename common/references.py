"""How a recipe is named, ``paper[/recipe[:variant]]``, and where its file is."""

from pathlib import Path

from common.checkout import SOURCE_ROOT
from common.errors import UsageError, suggest
from common.paper import get_paper, paper_names

CONFIG_ROOT = SOURCE_ROOT / "configs"


def recipe_names(paper: str) -> list[str]:
    """Returns the names of all recipes of ``paper``, sorted."""
    return sorted(path.stem for path in (CONFIG_ROOT / paper).glob("*.yaml"))


def recipe_path(paper: str, recipe: str) -> Path:
    """Returns the recipe's file; raises `UsageError` with the nearest name if there is none."""
    known = recipe_names(paper)
    if recipe not in known:
        raise UsageError(f"{paper} has no recipe {recipe!r}{suggest(recipe, known)}")
    return CONFIG_ROOT / paper / f"{recipe}.yaml"


def split_reference(reference: str) -> tuple[str, str, str | None]:
    """Splits ``paper[/recipe[:variant]]``; the recipe defaults to the paper's own default."""
    refuse_file(reference)
    name, _, variant = reference.partition(":")
    paper, _, recipe = name.partition("/")
    found = get_paper(paper)
    return found.name, recipe or found.default_recipe, variant or None


def refuse_file(reference: str) -> None:
    """Raises `UsageError` where a file stands for a recipe's name, with how to name one."""
    given, colon, variant = reference.partition(":")
    path = Path(given)
    is_yaml = path.suffix in (".yaml", ".yml")
    if not is_yaml and len(path.parts) < 3 and not given.startswith(("/", "./", "../", "~")):
        return
    paper, recipe = path.parent.name, path.stem if is_yaml else path.name
    if paper in paper_names() and recipe in recipe_names(paper):
        name = f"{paper}/{recipe}{colon}{variant}"
        raise UsageError(f"{reference}: a recipe is given by its name; write {name}")
    place = CONFIG_ROOT / "PAPER" / "RECIPE.yaml"
    raise UsageError(
        f"{reference}: a recipe is given by its name, PAPER/RECIPE, and its file is {place}: put "
        "yours there, or change a recipe's values with KEY=VALUE"
    )
