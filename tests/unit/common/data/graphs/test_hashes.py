"""The graphs that records name are still the same ones."""

import json
import os
from pathlib import Path

import pytest

from common.config.recipe import load_recipe
from common.data.graphs.graph import graph_fingerprint
from common.data.modality import DataSets

RECORDS = Path(__file__).resolve().parents[5] / "results" / "meow"
REAL = pytest.mark.skipif("LIKEWISE_DATA" not in os.environ, reason="LIKEWISE_DATA is not set")
NAMES = ("acm", "aminer", "dblp", "freebase", "imdb")
REAL_SETS = [pytest.param(name, marks=REAL) for name in NAMES]


@pytest.mark.parametrize("name", ["quick", "scale", *REAL_SETS])
def test_the_hash_is_that_of_the_records(name):
    records = [json.loads(path.read_text()) for path in RECORDS.glob(f"{name}-*.json")]
    config = load_recipe(f"meow/{name}").data
    graph = DataSets("graphs").get(config.name)(config, 0)
    found = graph_fingerprint(graph, config.metapaths or graph.metapaths)
    assert found in {record["data_hash"] for record in records}
