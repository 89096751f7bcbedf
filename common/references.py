"""How a recipe is named, ``paper[/recipe[:variant]]``, and where its file is."""

from pathlib import Path
from typing import Any

from common.checkout import SOURCE_ROOT
from common.errors import ConfigError, UsageError, suggest
from common.paper import get_paper, paper_names
from common.wording import shown

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
    given = reference.partition(":")[0]
    path = Path(given)
    is_yaml = path.suffix in (".yaml", ".yml")
    if not is_yaml and len(path.parts) < 3 and not given.startswith(("/", "./", "../", "~")):
        return
    if name := _named(reference):
        raise UsageError(f"{reference}: a recipe is given by its name; write {name}")
    place = CONFIG_ROOT / "PAPER" / "RECIPE.yaml"
    raise UsageError(
        f"{reference}: a recipe is given by its name, PAPER/RECIPE, and its file is {place}: put "
        "yours there, or change a recipe's values with KEY=VALUE"
    )


def refuse_second(words: list[str], reference: str, paper: str) -> None:
    """Raises `UsageError` where one of ``words`` is a recipe beside ``reference``, of ``paper``."""
    for word in words:
        if "=" in word:
            continue
        if name := _named(word, paper):
            raise UsageError(f"{word}: a second recipe; write {name} in place of {reference}")
        refuse_file(word)


def refuse_paper(layers: list[tuple[str, dict[str, Any]]], paper: str) -> None:
    """Raises `ConfigError` where one of ``layers``, by origin, is of another paper."""
    for origin, layer in layers:
        named = layer.get("paper", paper)
        if named == paper:
            continue
        if origin == "command line":
            known = f"name one of {named} in its place (papers list {named}), or "
            mend = f"{known if named in paper_names() else ''}leave paper= out"
            said = f"the recipe asked for is of {paper}"
            raise ConfigError(f"{origin}: paper={shown(named)}: {said}; {mend}")
        mend = f"write paper: {paper}"
        if named in paper_names():
            folder = CONFIG_ROOT / named
            mend = f"ask for {named}/RECIPE, whose file is in {folder}, or {mend}"
        said = f"the recipe is of {shown(named)}, asked for {paper}"
        raise ConfigError(f"{origin}: paper: {said}; {mend}")


def _named(given: str, paper: str = "") -> str | None:
    """Returns the name of the recipe whose file or name is ``given``; a bare one's is ``paper``."""
    place, colon, variant = given.partition(":")
    path = Path(place)
    owner = path.parent.name or paper
    recipe = path.stem if path.suffix in (".yaml", ".yml") else path.name
    if owner not in paper_names() or recipe not in recipe_names(owner):
        return None
    return f"{owner}/{recipe}{colon}{variant}"
