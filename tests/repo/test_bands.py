"""A stored band holds its own method's records, and not those of the method without a part."""

from dataclasses import replace

import pytest

from common.paper import paper_names
from common.results.groups import Code, group_records
from common.results.quick_band import Band, QuickRun, compare, read_band
from common.results.record import Record, default_root, load_records

# `papers verify` does not notice when this part of the method is lost.
PASSING = {
    "autotcl/quick:ratio-4": "with a quarter of the augmenter's updates loss and errors end where "
    "they end with all of them",
    "clip_rocket/quick:weak-projector": "its training is that of the method, and at the test the "
    "scores of one projector differ from those of both by less than seeds do",
    "hydra/quick:distinct": "of ten classes nine are others: leaving out the pairs of one class "
    "leaves nine tenths of the arbitrary pairs as they were",
    "sirl/quick:anchored-loss": "one term of the loss learns nearly as well: the claim that both "
    "are needed ends as no difference",
    "whitenedcse/quick:no-negatives": "whitening alone trains the small encoder nearly as well: "
    "the claim that both are needed ends as no difference",
    "whitenedcse/quick:no-shuffle": "fixed groups whiten as well: the claim ends as no difference",
}
# A new paper has no runs of `quick` yet.
RESULTS = default_root() / "results"
PAPERS = [paper for paper in paper_names() if any((RESULTS / paper).glob("quick-*.json"))]


def quick_groups(paper: str) -> list[list[Record]]:
    """Returns the latest records of the paper's quick recipe, one a seed, setting by setting."""
    records = load_records(default_root() / "results", paper)
    found = group_records((record for record in records if record.recipe == "quick"), Code())
    return [list(group.records) for group in found]


def cut(band: Band, seeds: list[int]) -> Band:
    """Returns the band of these seeds alone; its intervals are the wider for it."""
    places = [band.seeds.index(seed) for seed in seeds]
    return replace(
        band,
        seeds=seeds,
        data_hashes=[band.data_hashes[place] for place in places],
        metrics={key: [values[p] for p in places] for key, values in band.metrics.items()},
    )


def outside(band: Band, records: list[Record]) -> list[str]:
    """Returns the numbers and curves of ``records`` that `papers verify` finds off the band."""
    band = replace(band, config_hash=records[0].config_hash)
    records = [record for record in records if record.seed in band.seeds]
    found = off(replace(band, curves={}), records)
    # The first records kept no curves.
    drawn = [record for record in records if record.curves]
    return found + (off(replace(band, metrics={}), drawn) if len(drawn) > 1 else [])


def off(band: Band, records: list[Record]) -> list[str]:
    runs = [
        QuickRun(r, {k: {int(b): v for b, v in points} for k, points in r.curves.items()})
        for r in records
    ]
    found = compare(cut(band, [record.seed for record in records]), runs)
    assert len(found) == len(band.metrics) + len(band.curves)
    return [item.name for item in found if not item.inside]


@pytest.mark.parametrize("paper", PAPERS)
def test_a_stored_band_accepts_its_own_records(paper: str) -> None:
    band = read_band(paper, default_root())
    (own,) = [g for g in quick_groups(paper) if g[0].config_hash == band.config_hash]
    assert {record.seed for record in own} >= set(band.seeds)
    assert outside(band, own) == []


@pytest.mark.parametrize("paper", PAPERS)
def test_a_stored_band_refuses_the_methods_ablations(paper: str) -> None:
    band = read_band(paper, default_root())
    ablations = [g for g in quick_groups(paper) if g[0].arm.startswith("ablation/")]
    assert ablations, (
        f"no record of an ablation of {paper}/quick: papers campaign --results files them"
    )
    # Other data are refused before a number is compared.
    same_data = [g for g in ablations if {record.data_hash for record in g} <= {*band.data_hashes}]
    passing = {group[0].reference for group in same_data if not outside(band, group)}
    assert passing == {reference for reference in PASSING if reference.startswith(f"{paper}/")}
