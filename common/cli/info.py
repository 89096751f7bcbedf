"""`papers info`: what a paper does, or what one recipe needs, without importing torch."""

import ast
from functools import cache
from importlib.util import find_spec
from itertools import dropwhile, takewhile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from common.cli.listing import ListedRecipe, list_recipe, print_beside, print_recipes, refuse_broken
from common.config.recipe import load_recipe
from common.config.references import (
    RecipeReference,
    find_recipe,
    is_method,
    read_recipe,
    recipe_names,
    recipes_with,
)
from common.errors import UsageError, suggest
from common.paper import Paper, get_paper, paper_names
from common.registry import METHODS, load

# What a recipe's header holds after its title.
AFTER_TITLE = ("Expected", "Hardware:")
# What `papers info` shows on request, by its option.
PARTS = ("recipes", "numbers", "bibtex")


def print_info(reference: str, parts: list[str], console: Console) -> None:
    """Prints what a paper does and what there is of it, or the page of one recipe.

    Args:
        reference: A paper, a shared method, ``paper/recipe[:variant]`` or a user's file.
        parts: Those of `PARTS` to show in place of the page.
        console: Where to.

    Raises:
        UsageError: Unknown paper, recipe, file or variant.
        ConfigError: The recipe asked for does not load; after all is printed, where another recipe
            or a variant does not.
    """
    if is_method(reference.lower()):
        if parts:
            said = f"{reference}: is a method beside the papers, and --{parts[0]} is for a paper"
            raise UsageError(f"{said}; see: papers info {reference}")
        _print_method(reference.lower(), console)
        return
    one = None if reference.lower() in paper_names() else find_recipe(reference, read_recipe)
    paper = get_paper(one.paper if one else reference)
    if one is not None and one.file is not None and "numbers" in (parts or []):
        raise UsageError(
            f"--numbers: a file of yours, {reference}, has none reported; leave it out"
        )
    shown = parts or (["opening", "overview"] if one is None else ["opening", "recipes", "numbers"])
    recipes = [] if shown == ["bibtex"] else _recipes_of(paper, one)
    if "opening" in shown:
        _print_opening(paper, console, one is None)
    if "overview" in shown:
        _print_overview(paper, recipes, console)
    if "recipes" in shown:
        for item in recipes:
            _print_recipe_page(item, one is not None, console)
    if "numbers" in shown and (one is None or one.file is None):  # a user's own file has none
        from common.cli.leaderboard import print_our_numbers  # scipy comes with it

        print_our_numbers(paper.name, console, one.recipe if one else None)
    if "bibtex" in shown:
        console.print(paper.bibtex, soft_wrap=True)
    refuse_broken(recipes)


def _print_method(name: str, console: Console) -> None:
    """Prints what a shared method is, how to start, and the recipes that have it as a baseline."""
    kind, (module, schema) = next((k, known[name]) for k, known in METHODS.items() if name in known)
    path = find_spec(module.partition(":")[0]).origin  # type: ignore[union-attr]
    about = ast.get_docstring(ast.parse(Path(str(path)).read_text(encoding="utf-8")))
    console.print(Text.assemble((name, "bold"), ", a method that papers share\n"))
    console.print(f"{about}\n", soft_wrap=True)
    found = recipes_with(name)
    facts = [
        ("learns from:", kind),
        ("its settings:", str(load(schema).__doc__)),
        ("start with:", f"papers train {name}, which is {found[0]}"),
        ("your data:", f"papers train {name} PATH"),
        ("recipes:", ", ".join(found)),
    ]
    print_beside(console, facts)


def _recipes_of(paper: Paper, one: RecipeReference | None) -> list[ListedRecipe]:
    """Returns the recipe asked for, with its variants tried, or all of ``paper``.

    One that was asked for and does not load raises its own error, in whole.
    """
    read = cache(read_recipe)
    if one is None:
        return [list_recipe(f"{paper.name}/{name}", read) for name in recipe_names(paper.name)]
    name = one.file or f"{one.paper}/{one.recipe}"
    item = list_recipe(name, read, with_variants=True)
    if item.broken is not None:
        load_recipe(name)
    if one.variant and one.variant not in item.variants:  # a variant is on its recipe's page
        hint = suggest(one.variant, list(item.variants))
        raise UsageError(f"{item.reference} has no variant {one.variant!r}{hint}")
    return [item]


def _print_opening(paper: Paper, console: Console, whole: bool) -> None:
    """Prints what is declared of ``paper``, the ``whole`` of it with what the method does."""
    console.print(paper.title, style="bold")
    console.print(f"{paper.authors}. {paper.venue} {paper.year}. arXiv {paper.arxiv}\n")
    if whole:
        console.print(f"{paper.summary}\n")
    facts = [
        ("learns from:", ", ".join(paper.modalities)),
        ("target:", paper.target),
        ("several devices:", _devices_text(paper)),
    ]
    print_beside(console, facts)
    console.print()


def _print_overview(paper: Paper, recipes: list[ListedRecipe], console: Console) -> None:
    """Prints how to start, the names of the recipes, and where more is to be read."""
    start = f"{paper.name}/{paper.default_recipe}"
    header = _in_short(recipe_header(find_recipe(start, read_recipe).path))
    print_beside(console, [("start with:", f"papers train {paper.name}")])
    print_beside(console, [("", line) for line in header], 3)
    console.print("\nrecipes:")
    print_recipes(recipes, console)
    more = [
        (f"papers info {paper.name}/RECIPE", "what a recipe needs, what to expect, its numbers"),
        (f"papers info {paper.name} --recipes", "what each recipe is and costs, and its variants"),
        (f"papers info {paper.name} --numbers", "reported numbers and our runs"),
        (f"papers info {paper.name} --bibtex", "how to cite the paper"),
        (f"papers/{paper.name}/README.md", "claims, deviations, traps and licences"),
    ]
    console.print()
    print_beside(console, [(f"{words} ", what) for words, what in more])


def _print_recipe_page(item: ListedRecipe, whole: bool, console: Console) -> None:
    """Prints a recipe's variants and its header, the ``whole`` of it or in short."""
    about = f"does not load: {item.broken}" if item.broken else ", ".join(item.variants)
    print_beside(console, [(Text(f"{item.reference} ", "bold"), about)])
    failing: dict[str, list[str]] = {}  # what several variants share is told once
    for variant, why in item.variants.items():
        if why is not None:
            told = why.partition(f"variant {variant}: ")[2] or why
            failing.setdefault(told, []).append(variant)
    rows = [("does not load:", f"{', '.join(names)}: {why}") for why, names in failing.items()]
    print_beside(console, rows, 4)
    header = recipe_header(find_recipe(item.reference, read_recipe).path)
    for line in header if whole else _in_short(header):
        console.print(f"    {line}", soft_wrap=True)


def _devices_text(paper: Paper) -> str:
    """Returns whether ``paper`` trains on several devices, and what keeps some of it from that."""
    if paper.ddp_strategy is None:
        return f"one only: {paper.ddp_refusal}"
    return f"yes, but not every recipe: {paper.ddp_refusal}" if paper.ddp_refusal else "yes"


def recipe_header(path: Path) -> list[str]:
    """Returns the comment block that opens a recipe, without the ``#``; none of no text file."""
    lines = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # why it does not load stands beside it
        return []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" ").rstrip())
    return lines


def _in_short(header: list[str]) -> list[str]:
    """Returns the title of a recipe's header and what it says of hardware, memory and time."""
    title = list(takewhile(lambda line: line and not line.startswith(AFTER_TITLE), header))
    cost = dropwhile(lambda line: not line.startswith("Hardware:"), header)
    return title + list(takewhile(lambda line: not line.startswith("Command"), cost))
