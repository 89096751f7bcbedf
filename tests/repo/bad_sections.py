"""The sections of all recipes with what their keys cannot take, and the command that refuses it."""

import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import fields, make_dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.cli.main import main
from common.config.build import build
from common.config.recipe import SECTIONS, load_recipe
from common.config.yaml_io import parse_overrides
from common.errors import ConfigError
from common.evaluation.config import section_name
from common.paper import get_paper, paper_names
from common.registry import METHODS, load
from tests.repo.bad_values import NAMES, keys


def drawn(examples: int) -> settings:
    """Returns what every property here is tried with; the seed is another one each time."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


class Section:
    """One section of the recipe as the command line meets it."""

    def __init__(self, name: str, schema: Any, seen: set[type]) -> None:
        self.name, self.config = name, schema
        *above, last = name.split(".")
        self.root = schema
        for part in (last, *reversed(above)):
            self.root = make_dataclass("Part", [(part, object)])(self.root)
        found = list(keys(type(schema), seen, f"{name}."))
        self.words = [word for key in found for word in key.words()]
        unknown = NAMES.map(lambda text: f"{name}.{text}=1")
        self.drawn = st.one_of(unknown, *(texts for key in found for texts in key.drawn()))
        self.lacking_bounds = [key.name for key in found if key.lacks_bound]

    def takes(self, word: str) -> bool:
        """Builds the section with one word.

        Another error than `ConfigError` would be a traceback: raised with the word that led to it.
        """
        try:
            build(self.root, [("word", parse_overrides([word]))])
        except ConfigError:
            return False
        except Exception as error:
            raise AssertionError(f"{word}: {error!r}") from None
        return True

    def check(self) -> None:
        """Raises `AssertionError` with the words that were taken, if there are any."""
        assert not self.lacking_bounds, self.lacking_bounds
        taken = [word for word in self.words if self.takes(word)]
        assert not taken, taken

        @drawn(20)
        @given(self.drawn)
        def refused(word: str) -> None:
            assert not self.takes(word), word

        refused()


def sections() -> Iterator[tuple[Section, list[str]]]:
    """Yields each dataclass that is a section once, with the words that lead to it."""
    seen: set[type] = set()
    for paper in paper_names():
        recipe, declared = load_recipe(paper), get_paper(paper)
        found = [(name, type(getattr(recipe, name)), []) for name in SECTIONS]
        shared = METHODS["images"] if paper == "swav" else []
        for baseline in (*declared.baselines, *shared):
            found.append(("method", declared.config(baseline), [f"baseline={baseline}"]))
        for name, kind, words in found:
            if kind not in seen:
                seen.add(kind)
                yield Section(name, kind(), seen), [paper, *words]


def protocol_sections() -> Iterator[tuple[Section, list[str]]]:
    """Yields the sections of protocols, which are parts of one of `sections`."""
    found = {
        name: get_paper(paper) for paper in paper_names() for name in get_paper(paper).protocols
    }
    for name, paper in found.items():
        kind = load(paper.protocol(name)[1])
        if fields(kind):
            section = Section(f"evaluation.{section_name(name)}", kind(), set())
            yield section, [paper.name]


def check_command(*words: str, file: Path | None = None) -> None:
    """Raises `AssertionError` unless the command refuses ``words`` with code 2 and a message.

    Args:
        words: What follows ``papers``.
        file: What they are refused for, if it is not the words themselves: the error shows it.
    """
    sys.argv, errors, code = ["papers", *words], io.StringIO(), None
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        except Exception as error:
            errors.write(f"Traceback: {error!r}")
    message = errors.getvalue()
    shown = (words, file and file.read_bytes(), code, message)
    assert code == 2 and "error" in message.lower() and "Traceback" not in message, shown


def words_of(section: Section) -> st.SearchStrategy[str]:
    """Returns a strategy of all that ``section`` cannot take, listed or drawn."""
    return st.sampled_from(section.words) | section.drawn
