"""How a recipe is named, ``paper[/recipe[:variant]]`` or ``file.yaml[:variant]``, and found."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.config.checkout import SOURCE_ROOT
from common.config.yaml_io import read_yaml
from common.errors import ConfigError, UsageError, shown, suggest
from common.paper import get_paper, paper_names
from common.registry import METHODS, outside_folder

CONFIG_ROOT = SOURCE_ROOT / "configs"
FILE_PATTERN = re.compile(r"(.+?\.ya?ml)(?::(.*))?", re.DOTALL)
# The stem of a file becomes the name of a run's folder and of a record.
OWN_NAME_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class RecipeReference:
    """A recipe as it was asked for; ``file`` is the word for one from outside of this project."""

    paper: str
    recipe: str
    variant: str | None
    path: Path
    file: str | None = None


def recipe_folder(paper: str) -> Path:
    """Returns where the recipes of ``paper`` are: another project keeps its own in its package."""
    outside = outside_folder(paper)
    return CONFIG_ROOT / paper if outside is None else outside / "configs"


def recipe_names(paper: str) -> list[str]:
    """Returns the names of all recipes of ``paper``, sorted."""
    return sorted(path.stem for path in recipe_folder(paper).glob("*.yaml"))


def recipe_path(paper: str, recipe: str) -> Path:
    """Returns the recipe's file; raises `UsageError` with the nearest name if there is none."""
    known = recipe_names(paper)
    if recipe not in known:
        raise UsageError(f"{paper} has no recipe {recipe!r}{suggest(recipe, known)}")
    return recipe_folder(paper) / f"{recipe}.yaml"


def read_recipe(path: Path) -> dict[str, Any]:
    """Reads a recipe's file; one with ``base: NAME`` is ``configs/NAME.yaml`` with its own values.

    It has the variants of both. One of another method begins with the ``method:`` of the base, and
    one that the base has with its ``data:``, too.

    Raises:
        ConfigError: A file that is no mapping or no YAML, or no such base.
    """
    content = read_yaml(path)
    if (base := content.pop("base", None)) is None:
        return content
    known = sorted(file.stem for file in CONFIG_ROOT.glob("*.yaml"))
    if base not in known:
        raise ConfigError(f"{path}: base={shown(base)}: no such file{suggest(str(base), known)}")
    shared = read_yaml(CONFIG_ROOT / f"{base}.yaml")
    whole: dict[str, Any] = _over(shared, content)
    variants = whole.get("variants")
    for name, layer in [*variants.items()] if isinstance(variants, dict) else ():
        if isinstance(layer, dict) and "baseline" in layer:
            parts = ("data", "method") if name in shared.get("variants", {}) else ("method",)
            layer = _over({part: shared.get(part, {}) for part in parts}, layer)
            whole["variants"][name] = layer
    return whole


def _over(below: Any, above: Any) -> Any:
    """Returns ``above`` with what only ``below`` has, mapping by mapping."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    both = {key: _over(below[key], above[key]) for key in below.keys() & above.keys()}
    return {**below, **above, **both}


def is_method(name: str) -> bool:
    """Whether ``name`` is that of a method that papers share."""
    return any(name in methods for methods in METHODS.values())


def recipes_with(method: str) -> list[str]:
    """Returns the variants that train a shared method, the plainest first.

    Those are of the papers' default recipes, called like it, then for data of the user's own.
    """
    found = []
    for paper in map(get_paper, paper_names()):
        known = recipe_names(paper.name) if method in METHODS.get(paper.data_kind, {}) else ()
        for recipe in known:
            variants = read_recipe(recipe_path(paper.name, recipe)).get("variants") or {}
            names = [name for name, layer in variants.items() if "baseline" in (layer or {})]
            place = recipe != paper.default_recipe, recipe not in paper.own_data.values()
            for name in (one for one in names if variants[one]["baseline"] == method):
                found.append((place[0], name != method, place[1], f"{paper.name}/{recipe}:{name}"))
    return [name for *_, name in sorted(found)]


def split_reference(reference: str) -> tuple[str, str, str | None]:
    """Splits ``paper[/recipe[:variant]]``; the recipe defaults to the paper's own default.

    The name of a shared method is the first of `recipes_with` it.
    """
    if is_method(reference.lower()):
        reference = recipes_with(reference.lower())[0]
    name, _, variant = reference.partition(":")
    paper, _, recipe = name.partition("/")
    found = get_paper(paper)
    return found.name, recipe or found.default_recipe, variant or None


def find_recipe(reference: str, read: Callable[[Path], dict[str, Any]]) -> RecipeReference:
    """Finds a recipe by its name or by its file, which ``read`` reads to learn its paper.

    A file under ``configs/`` is the recipe of its name.

    Raises:
        UsageError: There is no such paper, recipe or file, or the file's name cannot be a recipe's
            or is one of the paper's own.
        ConfigError: The file names no paper.
    """
    match = FILE_PATTERN.fullmatch(reference)
    if match is None:
        paper, recipe, variant = split_reference(reference)
        return _named(paper, recipe, variant)
    path, variant = Path(os.path.expanduser(match[1])), match[2] or None
    if not os.path.isfile(path):  # pathlib raises for a long word
        raise UsageError(f"{path}: no such file of a recipe")
    whole = path.resolve()
    for paper in paper_names():
        if whole.parent == recipe_folder(paper).resolve():
            return _named(paper, whole.stem, variant)
    if not OWN_NAME_PATTERN.fullmatch(path.stem):
        raise UsageError(f"{path}: a recipe's name has letters, digits, _ and - only; rename it")
    paper = _paper_of(path, read(path))
    if path.stem in recipe_names(paper):  # its runs and records would be filed as that one's
        raise UsageError(f"{path}: {paper} has a recipe {path.stem!r}; rename the file")
    return RecipeReference(paper, path.stem, variant, path, match[1])


def _named(paper: str, recipe: str, variant: str | None) -> RecipeReference:
    """Returns a paper's own recipe; one of another project is filed as a user's file is."""
    word = None if outside_folder(paper) is None else f"{paper}/{recipe}"
    return RecipeReference(paper, recipe, variant, recipe_path(paper, recipe), word)


def _paper_of(path: Path, content: dict[str, Any]) -> str:
    paper = content.get("paper")
    if paper not in paper_names():
        near = suggest(str(paper), paper_names())
        raise ConfigError(f"{path}: paper={shown(paper)}: it must name a paper{near}")
    return str(paper)


def refuse_paper(layers: list[tuple[str, dict[str, Any]]], paper: str) -> None:
    """Raises `ConfigError` where one of ``layers``, by origin, is of another paper."""
    for origin, layer in layers:
        named = layer.get("paper", paper)
        if named != paper:
            raise ConfigError(f"{origin}: paper={shown(named)}: the recipe is of {paper}")
