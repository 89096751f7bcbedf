"""`papers list`, `papers info` and `--print-config`: what there is, without importing torch."""

import json
from dataclasses import fields, is_dataclass
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding

from common.config import SECTIONS, Recipe, list_recipes, load_recipe, recipe_path
from common.data.verify import data_state
from common.leaderboard.command import print_our_numbers
from common.paper import get_paper, paper_names


def print_papers(console: Console, only: str | None = None) -> None:
    """Prints each paper's recipes, those whose data are here apart; of ``only`` the variants too.

    Raises:
        UsageError: ``only`` is no paper.
    """
    for name in [get_paper(only).name] if only else paper_names():
        console.print(f"[bold]{name}[/bold]  {get_paper(name).title}", highlight=False)
        if only:
            _print_variants(name, console)
        else:
            _print_recipes(name, console)
    more = "" if only else "variants:      papers list PAPER\n"
    console.print(
        f"\n{more}train one:     papers train PAPER/RECIPE[:VARIANT] [KEY=VALUE]...\n"
        "missing data:  papers data list",
        markup=False,
        highlight=False,
    )


def _print_recipes(paper: str, console: Console) -> None:
    recipes = list_recipes(paper)
    missing = [recipe for recipe in recipes if _data_of(paper, recipe)[1] == "no"]
    ready = [recipe for recipe in recipes if recipe not in missing]
    for title, names in (("ready:", ready), ("data missing:", missing)):
        if names:
            listed = f"{title:13} {', '.join(names)}"
            console.print(Padding(listed, (0, 0, 0, 4)), highlight=False)
    variants = sum(map(len, recipes.values()))
    console.print(f"    {variants} variants", highlight=False)


def _print_variants(paper: str, console: Console) -> None:
    for recipe, variants in list_recipes(paper).items():
        name, state = _data_of(paper, recipe)
        console.print(f"  {paper}/{recipe}  data {name}: {state}", highlight=False)
        if variants:
            listed = f"variants: {', '.join(variants)}"
            console.print(Padding(listed, (0, 0, 0, 4)), highlight=False)


def _data_of(paper: str, recipe: str) -> tuple[str, str]:
    """Returns the name of the recipe's data set, and whether it is here."""
    data = load_recipe(f"{paper}/{recipe}").data
    return data.name, data_state(data.name, data.root)


def print_paper(reference: str, console: Console) -> None:
    """Prints a paper's declaration, recipes, reported and measured numbers, and BibTeX.

    Of a whole paper each recipe's title and cost; of ``paper/recipe`` its whole header, and the
    numbers of that recipe alone.

    Raises:
        UsageError: Unknown paper or recipe.
    """
    name, _, only = reference.partition("/")
    paper = get_paper(name)
    recipes = list_recipes(name)
    if only:
        recipe_path(name, only)  # refuses an unknown one
        recipes = {only: recipes[only]}
    console.print(f"[bold]{paper.title}[/bold]")
    console.print(f"{paper.authors}. {paper.venue} {paper.year}. arXiv {paper.arxiv}\n")
    for recipe, variants in recipes.items():
        console.print(f"[bold]{name}/{recipe}[/bold]  {', '.join(variants)}")
        header = recipe_header(name, recipe)
        for line in header if only else _in_short(header):
            console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)
    if not only:
        console.print(f"\nexpected numbers and more of a recipe: papers info {name}/RECIPE")
    print_our_numbers(name, console, only or None)
    devices = paper.ddp_strategy or f"one device only: {paper.ddp_refusal}"
    console.print(f"\nseveral devices: {devices}")
    console.print(paper.bibtex, highlight=False, markup=False, soft_wrap=True)


def recipe_header(paper: str, recipe: str) -> list[str]:
    """Returns the comment block that opens a recipe, without the ``#``."""
    lines = []
    for line in recipe_path(paper, recipe).read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" ").rstrip())
    return lines


def _in_short(header: list[str]) -> list[str]:
    """Returns the title of a recipe's header and what it says of hardware, memory and time."""
    title = list(takewhile(lambda line: line and not line.startswith("Expected"), header))
    cost = dropwhile(lambda line: not line.startswith("Hardware:"), header)
    return title + list(takewhile(lambda line: not line.startswith("Command"), cost))


def print_recipe(recipe: Recipe, console: Console) -> None:
    """Prints the final values as YAML, each with the layer it came from unless the default."""
    origins = recipe.origins
    values = recipe.to_dict()
    lines = [f"# {recipe.reference}, configuration hash {recipe.hash()}"]
    named = ("paper", "arm", "baseline", "seed")
    for key in named:
        lines += _yaml_lines(key, values[key], origins.get(key), 0)
    for section in SECTIONS:
        lines.append(f"{section}:")
        lines += _section_lines(getattr(recipe, section), section, origins, 1)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _section_lines(config: Any, path: str, origins: dict[str, str], depth: int) -> list[str]:
    lines = []
    for entry in fields(config):
        value, key = getattr(config, entry.name), f"{path}.{entry.name}"
        if is_dataclass(value):
            lines.append("  " * depth + f"{entry.name}:")
            lines += _section_lines(value, key, origins, depth + 1)
        else:
            lines += _yaml_lines(entry.name, value, origins.get(key), depth)
    return lines


def _yaml_lines(name: str, value: Any, origin: str | None, depth: int) -> list[str]:
    note = f"  # {Path(origin).name if origin.endswith('.yaml') else origin}" if origin else ""
    indent = "  " * depth
    if isinstance(value, list) and any(is_dataclass(item) for item in value):  # views
        entries = [json.dumps(vars(item), ensure_ascii=False) for item in value]
        return [f"{indent}{name}:{note}", *(f"{indent}  - {entry}" for entry in entries)]
    return [f"{indent}{name}: {json.dumps(value, ensure_ascii=False)}{note}"]
