"""`papers list`, `papers info` and `--print-config`: what there is, without importing torch."""

import json
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from common.config.recipe import SECTIONS, load_recipe, take_variants
from common.config.references import find_recipe, recipe_names
from common.config.schema import Recipe
from common.config.yaml_io import read_yaml
from common.data.catalogue.listing import data_state
from common.errors import ConfigError, UsageError, suggest
from common.paper import Paper, get_paper, paper_names

Rows = list[tuple[str, str]]
Reader = Callable[[Path], dict[str, Any]]
# What a recipe's header holds after its title.
AFTER_TITLE = ("Expected", "Hardware:")


@dataclass(frozen=True)
class Listed:
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


def list_recipe(reference: str, read: Reader, with_variants: bool = False) -> Listed:
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
        return Listed(reference, broken=str(error).splitlines()[0])
    tried: dict[str, str | None] = dict.fromkeys(variants)
    for variant in variants if with_variants else ():
        try:
            load(f":{variant}")
        except UsageError as error:
            tried[variant] = str(error).splitlines()[0]
    return Listed(reference, tried, data.name, state)


def print_papers(console: Console, only: str | None = None) -> None:
    """Prints each paper's recipes, those whose data are here apart; of ``only`` the variants too.

    Recipes are tried without their variants, which are many (`print_paper` tries them).

    Raises:
        UsageError: ``only`` is no paper.
        ConfigError: After all is printed, where a recipe does not load.
    """
    names, read = [get_paper(only).name] if only else paper_names(), cache(read_yaml)
    listed = {
        paper: [list_recipe(f"{paper}/{name}", read) for name in recipe_names(paper)]
        for paper in names
    }
    for name, recipes in listed.items():
        _print_beside(console, [(f"[bold]{name}[/bold] ", get_paper(name).title)])
        if only:
            _print_variants(name, recipes, console)
        else:
            _print_recipes(recipes, console)
    console.print()
    commands = [
        ("variants:", "papers list PAPER"),
        ("train one:", "papers train PAPER/RECIPE[:VARIANT] [KEY=VALUE]..."),
        ("missing data:", "papers data list"),
    ]
    _print_beside(console, commands[bool(only) :])
    _refuse_broken([item for recipes in listed.values() for item in recipes])


def _refuse_broken(listed: list[Listed]) -> None:
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


def _print_beside(console: Console, rows: Rows, indent: int = 0) -> None:
    """Prints the text of each row beside its title; long lines go on below the text."""
    beside = Table.grid(padding=(0, 1, 0, 0))
    beside.add_column(no_wrap=True)
    beside.add_column()
    for title, text in rows:
        beside.add_row(title, Text(text))
    console.print(Padding(beside, (0, 0, 0, indent), expand=False), highlight=False)


def _print_recipes(recipes: list[Listed], console: Console) -> None:
    loading = [item for item in recipes if item.broken is None]
    rows = [
        ("ready:", ", ".join(item.name for item in loading if item.state != "no")),
        ("no data yet:", ", ".join(item.name for item in loading if item.state == "no")),
    ]
    rows = [(title, names) for title, names in rows if names]
    for item in recipes:
        if item.broken is not None:
            rows.append(("does not load:", f"{item.name}: {item.broken}"))
    _print_beside(console, rows, 4)
    console.print(f"    {sum(len(item.variants) for item in recipes)} variants", highlight=False)


def _print_variants(paper: str, recipes: list[Listed], console: Console) -> None:
    for item in recipes:
        loads = item.broken is None
        about = f"data {item.data}: {item.state}" if loads else f"does not load: {item.broken}"
        _print_beside(console, [(f"{paper}/{item.name} ", about)], 2)
        if item.variants:
            _print_beside(console, [("variants:", ", ".join(item.variants))], 4)


def print_paper(reference: str, console: Console) -> None:
    """Prints a paper's declaration, recipes, reported and measured numbers, and BibTeX.

    Of a whole paper each recipe's title and cost; of ``paper/recipe`` its whole header, and the
    numbers of that recipe alone; its variants are tried as well. A user's own file has no numbers.

    Raises:
        UsageError: Unknown paper, recipe, file or variant.
        ConfigError: After all is printed, where a recipe or such a variant does not load.
    """
    from common.cli.leaderboard import print_our_numbers  # scipy comes with it

    whole, read = reference.lower() in paper_names(), cache(read_yaml)
    one = None if whole else find_recipe(reference, read)
    paper = get_paper(one.paper if one else reference)
    if one:
        recipes = [list_recipe(one.file or f"{one.paper}/{one.recipe}", read, with_variants=True)]
        _refuse_variant(one.variant, recipes[0])  # a variant is on its recipe's page
    else:
        recipes = [list_recipe(f"{paper.name}/{item}", read) for item in recipe_names(paper.name)]
    console.print(f"[bold]{paper.title}[/bold]")
    console.print(f"{paper.authors}. {paper.venue} {paper.year}. arXiv {paper.arxiv}")
    console.print(f"target: {paper.target}; samples: {', '.join(paper.modalities)}\n")
    for item in recipes:
        path = find_recipe(item.reference, read).path
        _print_recipe_page(item, path, one is not None, console)
    if not one:
        console.print(f"\nexpected numbers and more of a recipe: papers info {paper.name}/RECIPE")
    if not one or one.file is None:
        print_our_numbers(paper.name, console, one.recipe if one else None)
    console.print(f"\nseveral devices: {_devices_text(paper)}", highlight=False, markup=False)
    console.print(paper.bibtex, highlight=False, markup=False, soft_wrap=True)
    _refuse_broken(recipes)


def _refuse_variant(variant: str | None, item: Listed) -> None:
    if variant and item.broken is None and variant not in item.variants:
        hint = suggest(variant, list(item.variants))
        raise UsageError(f"{item.reference} has no variant {variant!r}{hint}")


def _print_recipe_page(item: Listed, path: Path, whole: bool, console: Console) -> None:
    """Prints a recipe's variants and its header, the ``whole`` of it or in short."""
    loads = item.broken is None
    about = ", ".join(item.variants) if loads else f"does not load: {item.broken}"
    _print_beside(console, [(f"[bold]{item.reference}[/bold] ", about)])
    failing = {variant: why for variant, why in item.variants.items() if why is not None}
    rows = [("does not load:", f"{variant}: {why}") for variant, why in failing.items()]
    _print_beside(console, rows, 4)
    header = recipe_header(path)
    for line in header if whole else _in_short(header):
        console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)


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


def print_recipe(recipe: Recipe, console: Console) -> None:
    """Prints the final values as YAML, each with the layer it came from unless the default.

    Of protocols that are not in use, only settings that were given are printed; the rest is the
    default of a reader, too.
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
    others = [name for name in get_paper(recipe.paper).protocols if name not in used]
    if others:
        lines.append(f"  # not in use: {', '.join(others)}; to see one add it to protocols")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


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
