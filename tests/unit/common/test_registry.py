import pytest

from common.errors import ConfigError
from common.registry import (
    BACKBONES,
    DATA_MODULES,
    DATA_SCHEMAS,
    DATASETS,
    EVALUATORS,
    SAMPLE_BACKBONES,
    VERIFIERS,
    Registry,
)


def test_a_duplicate_is_an_error():
    table = Registry("thing", {"a": "math:pi"})
    with pytest.raises(ValueError, match="'a' is registered already"):
        table.add("a", "math:e")


def test_a_miss_offers_the_nearest_name():
    table = Registry("backbone", {"resnet18": "x:y", "resnet50": "x:y"})
    with pytest.raises(ConfigError, match=r"unknown backbone 'resnet81'; did you mean 'resnet18'"):
        table.get("resnet81")
    with pytest.raises(ConfigError, match="known: resnet18, resnet50"):
        table.get("vit")


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (table, name)
        for table in (
            BACKBONES,
            SAMPLE_BACKBONES,
            DATA_MODULES,
            DATA_SCHEMAS,
            EVALUATORS,
            VERIFIERS,
            *DATASETS.values(),
        )
        for name in table.names()
    ],
)
def test_every_entry_resolves(table, name):
    assert callable(table.get(name))
