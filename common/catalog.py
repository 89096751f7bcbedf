"""`papers list`, `papers info` and `--print-config`: what there is, without importing torch."""

from dataclasses import fields, is_dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from common.config import Recipe, list_recipes, load_recipe, recipe_path
from common.data.verify import data_state
from common.leaderboard.command import print_our_numbers
from common.paper import get_paper, paper_names


def print_papers(console: Console) -> None:
    """Prints a line a recipe: variants, data set, and whether the data are here."""
    table = Table("recipe", "variants", "data", "here")
    for name in paper_names():
        for recipe, variants in list_recipes(name).items():
            data = load_recipe(f"{name}/{recipe}").data
            table.add_row(
                f"{name}/{recipe}", ", ".join(variants), data.name, data_state(data.name, data.root)
            )
    console.print(table)
    console.print("train one with: papers train PAPER/RECIPE[:VARIANT] [key=value ...]")


def print_paper(name: str, console: Console) -> None:
    """Prints a paper's declaration, recipes, reported and measured numbers, and BibTeX."""
    paper = get_paper(name)
    console.print(f"[bold]{paper.title}[/bold]")
    console.print(f"{paper.authors}. {paper.venue} {paper.year}. arXiv {paper.arxiv}\n")
    for recipe, variants in list_recipes(name).items():
        console.print(f"[bold]{name}/{recipe}[/bold]  {', '.join(variants)}")
        for line in recipe_header(name, recipe):
            console.print(f"    {line}", highlight=False, markup=False)
    print_our_numbers(name, console)
    devices = paper.ddp_strategy or f"one device only: {paper.ddp_refusal}"
    console.print(f"\nseveral devices: {devices}")
    console.print(paper.bibtex, highlight=False, markup=False)


def recipe_header(paper: str, recipe: str) -> list[str]:
    """Returns the comment block that opens a recipe, without the ``#``."""
    lines = []
    for line in recipe_path(paper, recipe).read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return lines


def print_recipe(recipe: Recipe, console: Console) -> None:
    """Prints every final value with the layer it came from."""
    table = Table("key", "value", "from")
    for key in ("paper", "recipe", "variant", "arm", "seed"):
        table.add_row(key, str(getattr(recipe, key)), recipe.origins.get(key, "default"))
    for section in ("data", "method", "optimizer", "trainer", "tracking", "evaluation"):
        for key, value in _leaves(getattr(recipe, section), section):
            table.add_row(key, str(value), recipe.origins.get(key, "default"))
    console.print(table)
    console.print(f"configuration hash {recipe.hash()}", highlight=False)


def _leaves(config: Any, path: str) -> list[tuple[str, Any]]:
    found = []
    for entry in fields(config):
        value, key = getattr(config, entry.name), f"{path}.{entry.name}"
        found += _leaves(value, key) if is_dataclass(value) else [(key, value)]
    return found
