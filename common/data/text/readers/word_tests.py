"""A user's own association tests, in YAML."""

from pathlib import Path
from typing import Any

from common.config.yaml_io import read_yaml
from common.errors import DataError
from common.evaluation.association_words import TEMPLATES, WordTest

SETS = ("first", "second", "toward", "away")


def read_tests(path: str) -> dict[str, WordTest]:
    """Returns the tests of a YAML file by name.

    Raises:
        DataError: A test without one of its lists, with a word twice in a list, or with sets of
            words that differ in number.
    """
    content = read_yaml(Path(path).expanduser())
    return {str(name): _read(f"{path}: {name}", test) for name, test in content.items()}


def _read(place: str, test: Any) -> WordTest:
    lists = {**test} if isinstance(test, dict) else {}
    templates = lists.pop("templates", list(TEMPLATES))
    all_lists = isinstance(templates, list) and all(isinstance(v, list) for v in lists.values())
    if set(lists) != set(SETS) or not all_lists:
        raise DataError(f"{place}: needs the lists {', '.join(SETS)}, and may have templates")
    words = {name: tuple(str(word) for word in own) for name, own in lists.items()}
    for name, own in words.items():
        if len(set(own)) < len(own):
            raise DataError(f"{place}: {name} has a word twice; name each once")
    if len(words["first"]) != len(words["second"]):
        raise DataError(f"{place}: first and second must have as many words")
    if not all(words.values()) or any(str(each).count("{}") != 1 for each in templates):
        raise DataError(f"{place}: no list may be empty, and each template has one {{}}")
    return WordTest(**words, templates=tuple(str(each) for each in templates))
