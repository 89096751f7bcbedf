"""What `papers data` says where a recipe or a paper stands in place of a data set's name."""

import warnings

from common.config.recipe import load_recipe, take_variants
from common.config.references import recipe_names, recipe_path, split_reference
from common.config.yaml_io import read_yaml
from common.data.catalogue.given import GIVEN
from common.data.catalogue.listing import data_state
from common.data.catalogue.sources import load_sources
from common.errors import UsageError
from common.paper import paper_names


def refuse_recipe(name: str, command: str) -> None:
    """Raises `UsageError` where ``name`` is a recipe or a paper, with the sets that it reads.

    Args:
        name: What was given for a data set's name; of a paper the sets of all recipes are told.
        command: What was asked for, such as ``papers data prepare``; repeated with each set.

    Raises:
        UsageError: Also where the paper has no such recipe or variant, or it does not load.
    """
    given, slash, _ = name.partition(":")[0].partition("/")
    if given.lower() not in paper_names() or name in {*load_sources(), *GIVEN}:
        return
    paper, recipe, variant = split_reference(name)
    recipes = [recipe] if slash or variant else recipe_names(paper)
    lines = [
        f"  {reference}: {_in_words(found, command)}"
        for each in recipes
        for reference, found in _sets(f"{paper}/{each}", variant)
    ]
    kind = "recipe" if slash or variant else "paper"
    raise UsageError(f"{name} is a {kind}; of data sets it reads\n" + "\n".join(lines))


def _sets(reference: str, variant: str | None) -> list[tuple[str, str]]:
    """Returns the recipe with its data set, and each variant that is the first to read another."""
    whole = f"{reference}:{variant}" if variant else reference
    with warnings.catch_warnings():  # for those who train it
        warnings.simplefilter("ignore")
        found = {load_recipe(whole).data.name: whole}
    path = recipe_path(*reference.split("/"))
    for other, layer in take_variants(read_yaml(path), path).items() if not variant else ():
        section = layer.get("data")
        if isinstance(section, dict) and "name" in section:
            found.setdefault(section["name"], f"{reference}:{other}")
    return [(reader, name) for name, reader in found.items()]


def _in_words(name: str, command: str) -> str:
    state = data_state(name)
    if state == "built in":
        return f"{name}, which is built in: nothing to prepare"
    if state == "yours":
        return "a path of your own, data.path=: nothing to prepare"
    return f"{command} {name}"
