"""`papers list`, `papers info` and `--print-config`: what there is, without importing torch."""

import json
from dataclasses import dataclass, fields, is_dataclass
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from common import config
from common.config import SECTIONS, Recipe, load_recipe, recipe_path
from common.data.verify import data_state
from common.errors import ConfigError, UsageError, refuse_file, suggest
from common.layers import read_yaml, take_variants
from common.leaderboard.command import print_our_numbers
from common.paper import get_paper, paper_names


@dataclass(frozen=True)
class Listed:
    """A recipe as the lists show it; ``broken`` is the first line of why it does not load."""

    name: str
    variants: tuple[str, ...] = ()
    data: str = ""
    state: str = ""
    broken: str = ""


def listed_recipes(paper: str) -> list[Listed]:
    """Returns all recipes of ``paper``, those that do not load as well."""
    found = []
    for path in sorted((config.CONFIG_ROOT / paper).glob("*.yaml")):
        try:
            variants = tuple(take_variants(read_yaml(path), path))
            data = load_recipe(f"{paper}/{path.stem}").data
            state = data_state(data.name, data.root)
            found.append(Listed(path.stem, variants, data.name, state))
        except UsageError as error:
            found.append(Listed(path.stem, broken=str(error).splitlines()[0]))
    return found


def print_papers(console: Console, only: str | None = None) -> None:
    """Prints each paper's recipes, those whose data are here apart; of ``only`` the variants too.

    Raises:
        UsageError: ``only`` is no paper.
        ConfigError: After all is printed, where a recipe does not load.
    """
    listed = {
        name: listed_recipes(name) for name in ([get_paper(only).name] if only else paper_names())
    }
    for name, recipes in listed.items():
        _print_beside(console, f"[bold]{name}[/bold] ", get_paper(name).title)
        if only:
            _print_variants(name, recipes, console)
        else:
            _print_recipes(recipes, console)
    more = "" if only else "variants:      papers list PAPER\n"
    console.print(
        f"\n{more}train one:     papers train PAPER/RECIPE[:VARIANT] [KEY=VALUE]...\n"
        "missing data:  papers data list",
        markup=False,
        highlight=False,
    )
    refuse_broken(listed)


def refuse_broken(listed: dict[str, list[Listed]]) -> None:
    """Raises `ConfigError` if a recipe of these papers does not load; names all that do not."""
    broken = [
        f"{paper}/{item.name}" for paper, found in listed.items() for item in found if item.broken
    ]
    if broken:
        show = f"papers train {broken[0]} --print-config"
        raise ConfigError(f"broken: {', '.join(broken)}; the whole message: {show}")


def _print_beside(console: Console, title: str, text: str, indent: int = 0) -> None:
    """Prints ``text`` beside ``title``; lines too long for the screen go on below ``text``."""
    beside = Table.grid(padding=(0, 1, 0, 0))
    beside.add_column(no_wrap=True)
    beside.add_column()
    beside.add_row(title, Text(text))
    console.print(Padding(beside, (0, 0, 0, indent), expand=False), highlight=False)


def _print_recipes(recipes: list[Listed], console: Console) -> None:
    kinds = {
        "ready:       ": [item.name for item in recipes if not item.broken and item.state != "no"],
        "data missing:": [item.name for item in recipes if not item.broken and item.state == "no"],
    }
    for title, names in kinds.items():
        if names:
            _print_beside(console, title, ", ".join(names), 4)
    for item in recipes:
        if item.broken:
            _print_beside(console, "broken:      ", f"{item.name}: {item.broken}", 4)
    console.print(f"    {sum(len(item.variants) for item in recipes)} variants", highlight=False)


def _print_variants(paper: str, recipes: list[Listed], console: Console) -> None:
    for item in recipes:
        about = f"broken: {item.broken}" if item.broken else f"data {item.data}: {item.state}"
        _print_beside(console, f"{paper}/{item.name} ", about, 2)
        if item.variants:
            _print_beside(console, "variants:", ", ".join(item.variants), 4)


def print_paper(reference: str, console: Console) -> None:
    """Prints a paper's declaration, recipes, reported and measured numbers, and BibTeX.

    Of a whole paper each recipe's title and cost; of ``paper/recipe`` its whole header, and the
    numbers of that recipe alone.

    Raises:
        UsageError: Unknown paper, recipe or variant.
        ConfigError: After all is printed, where a recipe does not load.
    """
    refuse_file(reference, config.CONFIG_ROOT)
    name, _, rest = reference.partition("/")
    only, _, variant = rest.partition(":")  # a variant is on its recipe's page
    paper = get_paper(name)
    if only:
        recipe_path(name, only)  # refuses an unknown one
    recipes = [item for item in listed_recipes(name) if only in ("", item.name)]
    for item in recipes:
        if only and variant and not item.broken and variant not in item.variants:
            hint = suggest(variant, list(item.variants))
            raise UsageError(f"{name}/{only} has no variant {variant!r}{hint}")
    console.print(f"[bold]{paper.title}[/bold]")
    console.print(f"{paper.authors}. {paper.venue} {paper.year}. arXiv {paper.arxiv}\n")
    for item in recipes:
        about = f"broken: {item.broken}" if item.broken else ", ".join(item.variants)
        _print_beside(console, f"[bold]{name}/{item.name}[/bold] ", about)
        header = recipe_header(name, item.name)
        for line in header if only else _in_short(header):
            console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)
    if not only:
        console.print(f"\nexpected numbers and more of a recipe: papers info {name}/RECIPE")
    print_our_numbers(name, console, only or None)
    devices = paper.ddp_strategy or f"one device only: {paper.ddp_refusal}"
    console.print(f"\nseveral devices: {devices}")
    console.print(paper.bibtex, highlight=False, markup=False, soft_wrap=True)
    refuse_broken({name: recipes})


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
