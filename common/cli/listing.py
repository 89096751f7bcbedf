"""`papers list` and `--print-config`: what there is, without importing torch."""

import json
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from common.config.protocols import fitting_protocols
from common.config.recipe import SECTIONS, load_recipe, take_variants
from common.config.references import find_recipe, is_method, read_recipe, recipe_names
from common.config.schema import Recipe
from common.data.catalogue.root import data_state
from common.errors import ConfigError, UsageError
from common.paper import get_paper, paper_names

Reader = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True)
class ListedRecipe:
    """A recipe as the lists show it; ``broken`` is the first line of why it does not load.

    ``reference`` is ``paper/recipe`` or a file, ``variants`` holds the same of each of its
    variants, by name.
    """

    reference: str
    variants: Mapping[str, str | None] = field(default_factory=dict)
    data: str = ""
    state: str = ""
    broken: str | None = None

    @property
    def name(self) -> str:
        """The recipe's name among those of its paper."""
        return Path(self.reference).stem


def list_recipe(reference: str, read: Reader, with_variants: bool = False) -> ListedRecipe:
    """Returns a recipe, one that does not load as well.

    Args:
        reference: ``paper/recipe`` or a file, without a variant.
        read: Gives the content of the recipe's file, and keeps it.
        with_variants: Try each variant, of which a paper has up to a hundred.
    """

    def load(variant: str) -> Recipe:
        with warnings.catch_warnings():  # for those who run it, not for those who read of it
            warnings.simplefilter("ignore")
            return load_recipe(f"{reference}{variant}", read=read)

    try:
        path = find_recipe(reference, read).path
        variants = take_variants(dict(read(path)), path)
        data = load("").data
        state = data_state(data.name, data.root)
    except UsageError as error:
        return ListedRecipe(reference, broken=str(error).splitlines()[0])
    tried: dict[str, str | None] = dict.fromkeys(variants)
    for variant in variants if with_variants else ():
        try:
            load(f":{variant}")
        except UsageError as error:
            tried[variant] = str(error).splitlines()[0]
    return ListedRecipe(reference, tried, data.name, state)


def print_papers(console: Console, only: str | None = None) -> None:
    """Prints each paper's recipes by where their data are; of ``only`` the variants too.

    Recipes are tried without their variants, which are many (`papers info` tries one's).

    Raises:
        UsageError: ``only`` is no paper; of a method that papers share it says where it stands.
        ConfigError: After all is printed, where a recipe does not load.
    """
    if only and is_method(only.lower()):
        raise UsageError(
            f"{only}: is a method that papers share, without recipes of its own; "
            f"papers info {only.lower()} lists those that train it"
        )
    names, read = [get_paper(only).name] if only else paper_names(), cache(read_recipe)
    listed = {
        paper: [list_recipe(f"{paper}/{name}", read) for name in recipe_names(paper)]
        for paper in names
    }
    for name, recipes in listed.items():
        print_beside(console, [(Text(f"{name} ", "bold"), get_paper(name).title)])
        if only:
            _print_variants(name, recipes, console)
        else:
            print_recipes(recipes, console)
    console.print()
    commands = [
        ("variants:", "papers list PAPER"),
        ("train one:", "papers train PAPER/RECIPE[:VARIANT] [KEY=VALUE]..."),
        ("missing data:", "papers data list"),
    ]
    print_beside(console, commands[bool(only) :])
    refuse_broken([item for recipes in listed.values() for item in recipes])


def refuse_broken(listed: list[ListedRecipe]) -> None:
    """Raises `ConfigError` if a recipe or variant does not load; names all that do not."""
    tried = {
        f"{item.reference}{variant}": why
        for item in listed
        for variant, why in [("", item.broken), *((f":{k}", v) for k, v in item.variants.items())]
    }
    broken = [name for name, why in tried.items() if why is not None]
    if broken:
        show = f"papers train {broken[0]} --print-config"
        verb = "does" if len(broken) == 1 else "do"
        raise ConfigError(f"{', '.join(broken)} {verb} not load; the whole message: {show}")


def print_beside(console: Console, rows: Sequence[tuple[str | Text, str]], indent: int = 0) -> None:
    """Prints the text of each row beside its title; long lines go on below the text."""
    beside = Table.grid(padding=(0, 1, 0, 0))
    beside.add_column(no_wrap=True)
    beside.add_column()
    for title, text in rows:
        beside.add_row(title, Text(text))
    console.print(Padding(beside, (0, 0, 0, indent), expand=False))


def print_recipes(recipes: list[ListedRecipe], console: Console) -> None:
    """Prints the names of a paper's recipes: data here, data of the user's own, no data yet."""
    states = {"ready:": ("yes", "built in"), "your files:": ("yours",), "no data yet:": ("no",)}
    rows = []
    for title, wanted in states.items():
        names = [item.name for item in recipes if item.broken is None and item.state in wanted]
        if names:
            rows.append((title, ", ".join(names)))
    for item in recipes:
        if item.broken is not None:
            rows.append(("does not load:", f"{item.name}: {item.broken}"))
    print_beside(console, rows, 4)
    console.print(f"    {sum(len(item.variants) for item in recipes)} variants")


def _print_variants(paper: str, recipes: list[ListedRecipe], console: Console) -> None:
    for item in recipes:
        loads = item.broken is None
        about = f"data {item.data}: {item.state}" if loads else f"does not load: {item.broken}"
        print_beside(console, [(f"{paper}/{item.name} ", about)], 2)
        if item.variants:
            print_beside(console, [("variants:", ", ".join(item.variants))], 4)


def print_recipe(recipe: Recipe, console: Console) -> None:
    """Prints the final values as YAML, each with the layer it came from unless the default.

    A protocol that is not in use shows only the settings that were given; the rest is its
    default.
    """
    origins, values, evaluation = recipe.origins, recipe.to_dict(), recipe.evaluation
    used = {*evaluation.protocols, *evaluation.online}
    unused = {entry.name for entry in fields(evaluation)} - {
        each.replace("-", "_") for each in used
    }
    lines = [f"# {recipe.reference}, configuration hash {recipe.hash()}"]
    named = ("paper", "arm", "baseline", "seed")
    for key in named:
        lines += _yaml_lines(key, values[key], origins.get(key), 0)
    for section in SECTIONS:
        lines.append(f"{section}:")
        apart = unused if section == "evaluation" else ()
        lines += _section_lines(getattr(recipe, section), section, origins, 1, apart)
    fitting = fitting_protocols(get_paper(recipe.paper))
    others = [name for name in fitting if name not in used]
    if others:
        lines.append(f"  # not in use: {', '.join(others)}; to see one add it to protocols")
    for line in lines:
        console.print(line, soft_wrap=True)


def _section_lines(
    config: Any, path: str, origins: dict[str, str], depth: int, unused: Collection[str] = ()
) -> list[str]:
    """Returns the lines of a section; of ``unused`` sections in it those of which a key is set."""
    lines = []
    for entry in fields(config):
        value, key = getattr(config, entry.name), f"{path}.{entry.name}"
        if is_dataclass(value):
            if not fields(value):  # without a key it would be read as null
                continue
            if entry.name in unused and not any(each.startswith(f"{key}.") for each in origins):
                continue
            note = "  # not in use" if entry.name in unused else ""
            lines.append("  " * depth + f"{entry.name}:{note}")
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
