import math
from dataclasses import dataclass, field, fields

import pytest

from common.errors import ConfigError
from common.registry import Registry
from common.settings import check_settings, setting

COLOURS = Registry("colour", {"red": "m:red", "green": "m:green"})


@dataclass
class Inner:
    share: float = setting(0.5, at_least=0, at_most=1)


@dataclass
class Outer:
    temperature: float = setting(0.1, above=0)
    momentum: float = setting(0.9, at_least=0, below=1)
    widths: list[int] = setting([1, 2], at_least=1)
    mode: str = setting("soft", choices=("soft", "hard"))
    colour: str = setting("red", choices=COLOURS)
    colours: list[str] = setting([], choices=COLOURS)
    limit: int | None = setting(None, at_least=1)
    inner: Inner = field(default_factory=Inner)
    parts: list[Inner] = field(default_factory=list)
    plain: str = "anything"
    free: float | None = None
    ratios: list[float] = setting([], above=0)


def test_the_defaults_and_values_on_inclusive_bounds_pass():
    check_settings(Outer())
    check_settings(Outer(momentum=0, widths=[1], inner=Inner(1), parts=[Inner(0), Inner(1)]))
    check_settings(Outer(mode="hard", colour="green", colours=["red", "green"], limit=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0}, r"method\.temperature: must be above 0, got 0"),
        ({"temperature": math.nan}, r"method\.temperature: must be a finite number, got nan"),
        (
            {"temperature": math.inf},
            r"temperature: must be a finite number, got inf; write an ordinary one",
        ),
        (
            {"free": -math.inf},
            r"method\.free: must be a finite number, got -inf; write an ordinary",
        ),
        ({"ratios": [1.0, math.inf]}, r"method\.ratios\[1\]: must be a finite number, got inf"),
        ({"inner": Inner(math.nan)}, r"method\.inner\.share: must be a finite number, got nan"),
        ({"momentum": -0.1}, r"method\.momentum: must be at least 0, got -0\.1"),
        ({"momentum": 1}, r"method\.momentum: must be below 1, got 1"),
        ({"widths": [3, 0]}, r"method\.widths\[1\]: must be at least 1, got 0"),
        ({"limit": 0}, r"method\.limit: must be at least 1"),
        ({"mode": "sof"}, r"method\.mode: unknown value 'sof'; did you mean 'soft'\?"),
        ({"mode": "xyz"}, r"method\.mode: unknown value 'xyz'; known: hard, soft"),
        ({"colour": "gren"}, r"method\.colour: unknown colour 'gren'; did you mean 'green'\?"),
        ({"colours": ["red", "blue"]}, r"method\.colours\[1\]: unknown colour 'blue'"),
        ({"inner": Inner(2)}, r"method\.inner\.share: must be at most 1, got 2"),
        ({"parts": [Inner(), Inner(-1)]}, r"method\.parts\[1\]\.share: must be at least 0"),
    ],
)
def test_a_value_out_of_bounds_names_key_bound_and_value(changes, message):
    with pytest.raises(ConfigError, match=message):
        check_settings(Outer(**changes), "method")


def test_without_a_path_the_key_stands_alone():
    with pytest.raises(ConfigError, match=r"^temperature: must be above 0"):
        check_settings(Outer(temperature=-1))


def test_a_default_list_is_not_shared_between_instances():
    first, second = Outer(), Outer()
    first.widths.append(7)
    assert second.widths == [1, 2]
    assert Outer().widths == [1, 2]


def test_neutrality_is_told_by_the_field():
    @dataclass
    class Config:
        root: str | None = setting(None, result_neutral=True)
        size: int = setting(3)

    neutral = {entry.name: entry.metadata["result_neutral"] for entry in fields(Config)}
    assert neutral == {"root": True, "size": False}


def test_a_field_without_default_is_required():
    @dataclass
    class Config:
        size: int = setting(at_least=1)

    with pytest.raises(TypeError, match="size"):
        Config()
    check_settings(Config(1))
