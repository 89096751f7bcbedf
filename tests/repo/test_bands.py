from dataclasses import replace

import pytest

from common.leaderboard.bands import QuickRun, read_band
from common.leaderboard.board import default_root
from common.leaderboard.record import load_records
from common.leaderboard.verify import compare
from common.paper import paper_names


@pytest.mark.parametrize("paper", paper_names())
def test_a_stored_band_accepts_its_own_records(paper):
    root = default_root()
    band = read_band(paper, root)
    runs = {}
    for record in sorted(load_records(root / "results", paper), key=lambda one: one.finished):
        if (record.reference, record.config_hash) == (f"{paper}/quick", band.config_hash):
            curves = {k: {int(b): v for b, v in points} for k, points in record.curves.items()}
            runs[record.seed] = QuickRun(record, curves)
    of_band = [runs[seed] for seed in band.seeds]
    if not all(run.curves for run in of_band):  # the first records kept none
        band = replace(band, curves={})
    found = compare(band, of_band)
    assert len(found) == len(band.metrics) + len(band.curves)
    assert [item for item in found if not item.inside] == []
