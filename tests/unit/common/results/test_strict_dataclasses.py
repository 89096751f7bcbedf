from dataclasses import dataclass
from typing import Any

import pytest

from common.errors import UsageError
from common.results.strict_dataclasses import build_checked, type_test


@dataclass
class Point:
    x: float
    tags: list[str]
    note: str | None = None


@pytest.mark.parametrize(
    ("value", "hint", "holds"),
    [
        (1, float, True),
        (1.0, int, False),
        (True, int, False),
        (True, float, False),
        (True, bool, True),
        (None, str | None, True),
        (1, str | None, False),
        ({"a": 1}, dict[str, float | None], True),
        ({"a": "1"}, dict[str, float | None], False),
        ({1: 1}, dict[str, int], False),
        ({"a": {"b": None}}, dict[str, dict[str, float | None]], True),
        ([1, 2.5], list[float], True),
        ([1, "2"], list[float], False),
        ("ab", list[str], False),
        (object(), Any, True),
    ],
)
def test_types(value, hint, holds):
    assert type_test(hint)(value) is holds


def test_a_good_mapping_builds_the_dataclass():
    built = build_checked(Point, {"x": 1, "tags": ["a"]}, "f", UsageError)
    assert built == Point(1, ["a"], None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"x": 1}, "f: tags: missing"),
        ({"x": 1, "tags": [], "nota": "n"}, "f: unknown key 'nota'; did you mean 'note'?"),
        ({"x": "1", "tags": []}, "f: x: must be float, got '1'"),
        ({"x": 1, "tags": [2]}, r"f: tags: must be list\[str\], got \[2\]"),
    ],
)
def test_what_is_wrong_is_named(values, message):
    with pytest.raises(UsageError, match=message):
        build_checked(Point, values, "f", UsageError)
