"""Gives every key of every schema what it cannot take, and the command some of it; no torch.

    python -m tests.repo.bad_recipes

A key is tried against its section alone: a millisecond, where a recipe takes sixty. Ends with an
error that names each word which was taken, or refused otherwise than with code 2 and a message.
What is drawn is new with each call: an error names the falsifying example, and how to reproduce it.
"""

import sys

from hypothesis import given
from hypothesis import strategies as st

from common.paper import paper_names
from tests.repo.bad_files import check_campaigns, check_recipe_files
from tests.repo.bad_sections import Section, check_command, drawn, sections, words_of
from tests.repo.bad_values import NOT_FINITE

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


def check_drawn(plain: list[tuple[Section, str]]) -> None:
    """Gives the command drawn words of what the sections of each paper cannot take."""

    @drawn(30)
    @given(st.sampled_from(plain), st.data())
    def refused(place: tuple[Section, str], data: st.DataObject) -> None:
        section, paper = place
        check_command("train", paper, "--print-config", data.draw(words_of(section)))

    refused()


def check() -> None:
    """Raises `AssertionError` for what is taken, or refused otherwise than it should be."""
    plain = []
    for section, words in sections():
        section.check()
        if len(words) == 1:  # a baseline's words go the same way as its paper's
            plain.append((section, words[0]))
    check_drawn(plain)
    check_recipe_files(plain)
    check_campaigns(plain)
    for word in OTHER:
        check_command("train", paper_names()[0], "--print-config", word)
    assert "torch" not in sys.modules


if __name__ == "__main__":
    check()
