"""Gives every key of every schema what it cannot take, and the command some of it; no torch.

    python -m tests.repo.bad_recipes [DRAWS]

A key is tried against its section alone, and the command gets DRAWS words of each section with the
least recipe that a paper takes. Ends with an error that names each word which was taken, or refused
otherwise than with code 2 and a message.
What is drawn is new with each call: an error names the falsifying example, and how to reproduce it.
"""

import sys
from dataclasses import fields
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from common.config.recipe import load_recipe
from common.paper import paper_names
from tests.repo.bad_files import (
    check_campaigns,
    check_recipe_files,
    default_recipes,
    recipe_files,
)
from tests.repo.bad_sections import (
    Section,
    check_command,
    drawn,
    protocol_sections,
    sections,
    words_of,
)
from tests.repo.bad_values import NOT_FINITE

DRAWS = 10
# What is not in a section, and words that are none.
OTHER = [
    *(f"seed={text}" for text in ("-1", "2147483648", "1.5", "many", "true", "null", "[1]")),
    *(f"seed={text}" for text in NOT_FINITE),
    *(f"arm={text}" for text in ("Method", "ablation/", "baseline/A b", "1.5", "null", "[a]")),
    *(f"trainer.devices={text}" for text in ("0", "-2", "many", "'2'", "'-1'", "'0,0'", "0;1")),
    *(
        "baseline=no-such",
        "baseline=1.5",
        "baseline=[a]",
        "paper=no-such",
        "paper=[a]",
        "sead=1",
        "seed.a=1",
    ),
    *("seed", "=1", "optimizer={", "optimizer=1", "optimizer=null"),
]


def check_drawn(found: list[tuple[Section, list[str]]], draws: int) -> None:
    """Gives the command words that a section cannot take, drawn for each of all papers."""
    names = sorted({entry.name for section, _ in found for entry in fields(section.config)})
    # Stages ask for more epochs than the schema has, some papers for their optimizer, one for views
    # beside the weak one, cMIM one view, and some protocols for what a label is made of.
    needed = {
        "data": ("num_strong", "views"),
        "method": ("stage_epochs",),
        "evaluation": ("protocols", "factors", "separation"),
        "trainer": ("epochs",),
        "optimizer": ("name",),
    }
    least = {
        paper: {
            section: {
                key: content[section][key]
                for key in keys
                if key in content[section] and (key != "views" or paper == "cmim")
            }
            for section, keys in needed.items()
        }
        for paper, content in default_recipes().items()
    }

    @cache
    def load(*words: str) -> None:
        load_recipe(words[0], list(words[1:]))

    def check_section(section: Section, words: list[str]) -> None:
        misplaced = [name for name in names if not hasattr(section.config, name)]
        misplaced = [f"{section.name}.{name}=1" for name in misplaced]

        @drawn(draws)
        @given(words_of(section) | st.sampled_from(misplaced))
        def refused(word: str) -> None:
            check_command("train", *words, "--print-config", word)

        load(*words)  # as it is, so that the word is what is refused
        refused()
        assert "torch" not in sys.modules, (words, section.name)

    with recipe_files(least):
        for section, words in found:
            check_section(section, words)


def check(draws: int) -> None:
    """Raises `AssertionError` for what is taken, or refused otherwise than it should be."""
    found = list(sections())
    for section, _ in found:
        section.check()
    check_drawn([*found, *protocol_sections()], draws)
    plain = [(section, words[0]) for section, words in found if len(words) == 1]
    check_recipe_files(plain)
    check_campaigns(plain)
    for word in OTHER:
        check_command("train", paper_names()[0], "--print-config", word)
    assert "torch" not in sys.modules


if __name__ == "__main__":
    check(int(sys.argv[1]) if sys.argv[1:] else DRAWS)
