"""Writes what no key can take into recipe and campaign files, and gives them to the command."""

import contextlib
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from common.config.recipe import load_recipe
from common.config.references import recipe_path
from common.config.yaml_io import read_yaml, to_yaml
from common.paper import get_paper, paper_names
from tests.repo.bad_sections import Section, check_command, drawn, words_of
from tests.repo.bad_values import NAMES

PLACE = "THE-VALUE"
# Whole values that cannot be, of a file's top level: ``key: text``.
TOP_LEVEL = [
    *(f"variants: {text}" for text in ("5", "word", "[a]", "{bad: 5}", "{bad: [a]}")),
    *(f"{name}: {text}" for name in ("data", "trainer") for text in ("5", "word", "[a]", "null")),
    *("baseline: 5", "baseline: [a]", "seed: {a: 1}", "arm: 2020-01-01", "2020-01-01: 1", "1: 2"),
    *(
        "seed: !!binary aGk=",
        "? [a, b]\n: 1",
        "seed: *nowhere",
        "seed: ${seed}",
        "seed: [",
        "\tx: 1",
    ),
]
# What is no list of recipes, of seeds or of words, as YAML.
NO_LISTS = ["5", "swav", "{swav: 1}", "true", "1.5", "''", "[true]", "[null]", "[[a]]", "[.nan]"]


def with_word(content: dict[str, Any], word: str, variant: bool) -> str:
    """Returns a recipe file's text with ``key=value`` set in it, or in its variant ``bad``."""
    key, _, text = word.partition("=")
    whole: dict[str, Any] = deepcopy(content)
    node = whole
    if variant:
        whole["variants"] = {"bad": {}}
        node = whole["variants"]["bad"]
    *path, last = key.split(".")
    for part in path:
        below = node.get(part)
        node[part] = below if isinstance(below, dict) else {}
        node = node[part]
    node[last] = PLACE
    return to_yaml(whole).replace(PLACE, text)


def without(content: dict[str, Any], line: str) -> str:
    """Returns a recipe file's text with ``line`` in place of what it says of that key."""
    kept = {key: value for key, value in content.items() if key != line.partition(":")[0]}
    return f"{to_yaml(kept)}\n{line}\n"


@contextlib.contextmanager
def recipe_files(contents: dict[str, dict[str, Any]]) -> Iterator[dict[str, Path]]:
    """Makes ``contents``, by paper, the only recipes that there are; yields their files."""
    with (
        tempfile.TemporaryDirectory() as name,
        mock.patch("common.config.references.CONFIG_ROOT", Path(name)),
    ):
        files = {paper: Path(name) / paper / f"{recipe_of(paper)}.yaml" for paper in contents}
        for paper, path in files.items():
            path.parent.mkdir()
            path.write_text(to_yaml(contents[paper]))
            load_recipe(paper)  # what is refused later is refused for what is changed in it
        yield files


def check_recipe_files(plain: list[tuple[Section, str]]) -> None:
    """Gives the command recipe files that are wrong in one place, and files that are no recipe."""
    contents = default_recipes()
    with recipe_files(contents) as files:

        @drawn(50)
        @given(st.sampled_from(plain), st.booleans(), st.data())
        def refused(place: tuple[Section, str], variant: bool, data: st.DataObject) -> None:
            section, paper = place
            text = with_word(contents[paper], data.draw(words_of(section)), variant)
            files[paper].write_text(text)
            reference = f"{paper}/{recipe_of(paper)}" + ":bad" * variant
            check_command("train", reference, "--print-config", file=files[paper])

        @drawn(25)
        @given(st.binary(max_size=40) | NAMES.map("{}: 1".format))
        def no_recipe(content: bytes | str) -> None:
            if isinstance(content, str):
                content = without(contents["swav"], content).encode()
            files["swav"].write_bytes(content)
            check_command("train", "swav", "--print-config", file=files["swav"])

        refused()
        no_recipe()
        others = [to_yaml(contents["meow"]), "", "# nothing"]
        for text in (*others, *(without(contents["swav"], line) for line in TOP_LEVEL)):
            files["swav"].write_text(text)
            check_command("train", "swav", "--print-config", file=files["swav"])


def default_recipes() -> dict[str, dict[str, Any]]:
    """Returns what the default recipe of each paper says."""
    return {paper: read_yaml(recipe_path(paper, recipe_of(paper))) for paper in paper_names()}


def recipe_of(paper: str) -> str:
    """Returns the name of the paper's default recipe."""
    return get_paper(paper).default_recipe


def check_campaigns(plain: list[tuple[Section, str]]) -> None:
    """Gives the command campaign files that are wrong in one place."""
    good = {"arms": "[swav/quick]", "seeds": "[0]", "overrides": "[trainer.epochs=2]"}
    wrong_lists = [{key: text} for key in good for text in NO_LISTS]
    wrong_lists += [{"arms": "[no-such]"}, {"seeds": "[-1]"}, {"arms": "[swav/quick:no-such]"}]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "campaign.yaml"

        def check_file(changes: dict[str, str]) -> None:
            lines = [f"{key}: {text}\n" for key, text in {**good, **changes}.items()]
            path.write_text("".join(lines))
            # No budget: were a file taken, nothing would be trained.
            check_command("campaign", str(path), "--budget", "0s", file=path)

        @drawn(25)
        @given(st.sampled_from(plain), st.data())
        def refused(place: tuple[Section, str], data: st.DataObject) -> None:
            section, paper = place
            words = to_yaml([data.draw(words_of(section))])
            check_file({"arms": f"[{paper}]", "overrides": f"\n{words}"})

        @drawn(25)
        @given(NAMES, st.text("[]{}:,-ab1 ", max_size=9))
        def unknown(key: str, text: str) -> None:
            check_file({key: text})

        refused()
        unknown()
        for changes in wrong_lists:
            check_file(changes)
