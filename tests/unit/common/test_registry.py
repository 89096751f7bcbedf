import pytest

from common.data.data_sets import DATASETS
from common.errors import ConfigError
from common.registry import (
    BACKBONES,
    DATA_MODULES,
    METHODS,
    PROTOCOLS,
    SAMPLE_BACKBONES,
    VERIFIERS,
    Registry,
    load,
)

TABLES = [BACKBONES.entries, SAMPLE_BACKBONES.entries, VERIFIERS.entries]
TABLES += [table.entries for table in DATASETS.values()]
PAIRS = [DATA_MODULES, PROTOCOLS, *METHODS.values()]


def test_a_miss_offers_the_nearest_name():
    table = Registry("backbone", {"resnet18": "x:y", "resnet50": "x:y"})
    with pytest.raises(ConfigError, match=r"'resnet81'.*'resnet18'"):
        table.get("resnet81")
    with pytest.raises(ConfigError, match=r"resnet18.*resnet50"):
        table.get("vit")


@pytest.mark.parametrize(
    "target",
    [
        *(target for table in TABLES for target in table.values()),
        *(target for table in PAIRS for pair in table.values() for target in pair),
    ],
)
def test_every_entry_resolves(target):
    assert callable(load(target))
