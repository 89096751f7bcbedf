"""Values as messages show them."""

import pytest

from common.errors import LONGEST, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ([1, 1e-6, "é"], '[1, 1e-06, "é"]'),
        ({"a": False}, '{"a": false}'),
        (16**5000, "a value that cannot be shown"),
        ([16**5000], "a value that cannot be shown"),
        ({b"a": 1}, "a value that cannot be shown"),
        (b"a", "\"b'a'\""),
        ("x" * LONGEST, f'"{"x" * (LONGEST - 1)}...'),
        ("x" * (LONGEST - 2), f'"{"x" * (LONGEST - 2)}"'),
    ],
    ids=lambda value: type(value).__name__,  # pytest would write the number
)
def test_a_value_is_shown_as_yaml_has_it_and_shortened(value, text):
    assert shown(value) == text
