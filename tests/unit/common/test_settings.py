from dataclasses import dataclass, fields

import pytest

from common.settings import setting


@dataclass
class Config:
    size: int = setting(at_least=1)
    widths: list[int] = setting([1, 2], at_least=1)
    root: str | None = setting(None, result_neutral=True)


def test_a_default_list_is_not_shared_between_instances():
    first, second = Config(1), Config(1)
    first.widths.append(7)
    assert second.widths == Config(1).widths == [1, 2]


def test_neutrality_is_told_by_the_field():
    neutral = {entry.name: entry.metadata["result_neutral"] for entry in fields(Config)}
    assert neutral == {"size": False, "widths": False, "root": True}


def test_a_field_without_default_is_required():
    with pytest.raises(TypeError, match="size"):
        Config()
