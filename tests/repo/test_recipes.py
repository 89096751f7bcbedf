"""Every recipe and variant loads, and its header keeps the promise of a header."""

import re
import shlex
from pathlib import Path

import pytest

from common.config.recipe import load_recipe
from common.config.references import CONFIG_ROOT, recipe_path, split_reference
from common.errors import ConfigError
from common.paper import get_paper, paper_names
from common.results.reported import load_all_reported
from tests.hashes import OVERRIDES, SCHEMAS, schema_defaults, stored_hashes
from tests.recipes import EVERY, list_recipes, load

RECIPES = [name for name in EVERY if ":" not in name]
HASHES = stored_hashes()


def header(reference: str) -> str:
    """Returns the comment block that opens the recipe, the signs taken off."""
    lines = []
    for line in recipe_path(*reference.split("/")).read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return "\n".join(lines)


def train_commands(text: str) -> list[str]:
    return [
        line[line.index("papers train") :] for line in text.splitlines() if "papers train" in line
    ]


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
def test_each_loads_with_the_stored_hash_and_a_variant_changes_something() -> None:
    for reference in EVERY:
        base, recipe = load(reference.partition(":")[0]), load(reference)
        assert recipe.reference == reference
        assert recipe.evaluation.protocols, f"{reference}: nothing would be measured"
        # Where a recipe is of a CPU's size as it stands, `cpu` is another name of it.
        same = (base.hash(), base.arm) == (recipe.hash(), recipe.arm)
        assert recipe.variant in (None, "cpu") or not same, reference
    moved = [name for name in EVERY if load(name).hash() != HASHES.get(name, load(name).hash())]
    assert not moved, "if it is meant: python -m tests.hashes"


def test_the_defaults_of_schemas_are_the_stored_ones() -> None:
    """No hash would tell: it holds what differs from them."""
    stored, found = stored_hashes(SCHEMAS), schema_defaults()
    assert set(stored) <= set(found), "a schema is gone: python -m tests.hashes"
    moved = {
        f"{schema}.{name}": (defaults.get(name, "none"), found[schema].get(name, "none"))
        for schema, defaults in stored.items()  # of a new one none are stored yet
        for name in defaults.keys() | found[schema].keys()
        if (name in defaults, defaults.get(name))
        != (name in found[schema], found[schema].get(name))
    }
    assert not moved, "its rows change; if it is meant: python -m tests.hashes"


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
def test_every_reported_number_has_its_recipe() -> None:
    for entry in load_all_reported():
        recipe = load(entry.reference)
        assert (recipe.arm, recipe.data.name) == (entry.arm, entry.data), entry.reference
        known = {*recipe.evaluation.protocols, *get_paper(recipe.paper).protocols}
        assert entry.protocol in known, entry.reference


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
def test_its_data_have_what_the_method_is_measured_beside() -> None:
    for reference in EVERY:
        recipe = load(reference)
        known = get_paper(recipe.paper).data_module().reference_names
        asked = set(recipe.evaluation.references) - {"untrained"}
        assert not known or asked <= set(known), reference  # of series only the data tell


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
def test_a_word_makes_the_stored_hash_or_is_refused() -> None:
    def made(word: str) -> str | None:
        try:
            return load_recipe("swav", [word]).hash()
        except ConfigError:
            return None

    stored = stored_hashes(OVERRIDES)
    assert {word: made(word) for word in stored} == stored


def test_no_hash_is_stored_of_a_recipe_that_is_gone() -> None:
    assert set(HASHES) <= set(EVERY)


@pytest.mark.parametrize("reference", RECIPES)
def test_the_header_states_command_hardware_memory_and_time(reference: str) -> None:
    text = header(reference)
    commands = train_commands(text)
    assert commands, "no command"
    words = shlex.split(commands[0])
    assert load_recipe(words[2], words[3:]).reference.partition(":")[0] == reference
    for pattern in ("(?i)hardware", r"(?i)\d ?[GM]B", "(?i)time"):
        assert re.search(pattern, text), f"the header lacks {pattern}"


@pytest.mark.parametrize("paper", paper_names())
def test_the_first_protocol_that_a_paper_declares_is_the_default_recipes(paper: str) -> None:
    assert get_paper(paper).protocols[0] == load_recipe(paper).evaluation.protocols[0]


@pytest.mark.parametrize("paper", paper_names())
def test_the_default_recipe_exists(paper: str) -> None:
    assert split_reference(paper)[1] in list_recipes(paper)
    assert load_recipe(paper).paper == paper


def test_no_folder_of_recipes_is_without_a_paper() -> None:
    folders = {path.name for path in CONFIG_ROOT.iterdir() if any(path.glob("*.yaml"))}
    assert folders - {"campaigns", "sweeps"} <= set(paper_names())


@pytest.mark.parametrize("paper", paper_names())
def test_a_paper_keeps_the_promise_of_its_folder(paper: str) -> None:
    folder = Path(__file__).resolve().parents[2] / "papers" / paper
    present = {path.name for path in folder.iterdir()}
    assert {"__init__.py", "config.py", "module.py", "reference.py"} <= present
    declared = get_paper(paper)
    assert declared.name == paper and declared.bibtex.startswith("@")
    assert declared.ddp_strategy or declared.ddp_refusal
