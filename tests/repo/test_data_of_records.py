"""The data sets that records name are still the same ones: readers are outside of the digest."""

import io

import pytest
from rich.console import Console

from common.cli.verify import data_differences
from common.config.checkout import SOURCE_ROOT
from common.paper import paper_names
from common.results.record import Record, load_records
from common.steps.check import by_setting

# They take a minute together, the other fifty half of one.
SLOW = ("meow/aminer", "meow/dblp", "meow/scale", "owdfa_cpl/standin")


@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_each_set_at_hand_has_the_hash_of_its_records(slow: bool) -> None:
    """Generated sets are at hand everywhere, others where the data root holds them."""
    records: dict[tuple[str, str], Record] = {}
    for paper in paper_names():
        for record in by_setting(load_records(SOURCE_ROOT / "results", paper)).values():
            records.setdefault((record.data, record.data_hash), record)
    asked = [one for one in records.values() if (f"{one.paper}/{one.recipe}" in SLOW) == slow]
    said = io.StringIO()
    assert data_differences(asked, Console(file=said, width=200)) == [], said.getvalue()
    assert said.getvalue().count("not read") < len(asked)
