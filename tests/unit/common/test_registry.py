import pytest

from common.data.modality import DataSets
from common.errors import ConfigError
from common.registry import (
    METHODS,
    PROTOCOLS,
    READERS,
    SAMPLE_BACKBONES,
    TEXT_BACKBONES,
    WINGS,
    Registry,
    load,
    wing,
)

TABLES = [SAMPLE_BACKBONES, TEXT_BACKBONES, READERS, *map(DataSets, WINGS)]
TARGETS = [table.target(name) for table in TABLES for name in table.names()]
PAIRS = [pair for table in (PROTOCOLS, *METHODS.values()) for pair in table.values()]
PAIRS += [one.module for one in map(wing, WINGS) if one.module]
SETS = [each for kind in WINGS for _, each in DataSets(kind).sets()]


def test_a_miss_offers_the_nearest_name():
    table = Registry("backbone", {"resnet18": "x:y", "resnet50": "x:y"})
    with pytest.raises(ConfigError, match=r"'resnet81'.*'resnet18'"):
        table.get("resnet81")
    with pytest.raises(ConfigError, match=r"resnet18.*resnet50"):
        table.get("vit")


@pytest.mark.parametrize(
    "target",
    [
        *TARGETS,
        *(target for pair in PAIRS for target in pair),
        *(each.verify for each in SETS if each.verify),
        *(each.plan for each in SETS if each.plan),
        *(
            target
            for one in map(wing, WINGS)
            for target in (one.plots, getattr(one, "recognise", ""))
            if target
        ),
    ],
)
def test_every_entry_resolves(target):
    assert callable(load(target))
