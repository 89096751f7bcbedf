"""`quick` of each paper learns, and what must fail its bars fails them: quick_bars.yaml."""

from pathlib import Path

import pytest
import torch

from common.config.checkout import SOURCE_ROOT
from common.paper import paper_names
from common.results.record import Record, load_records
from common.tracking.metrics_file import read_metrics
from common.training.fit import Experiment
from papers.hydra.gate import pair_gates
from tests.system.quick import BARS, METHOD, Found, lines_on, run_arm, run_ready

SEEDS = [(paper, seed) for paper in BARS for seed in BARS[paper].get("seeds", (3, 4, 5))]
ALONE = [(paper, arm) for paper in BARS for arm in BARS[paper].get("alone", ())]


def test_the_table_has_each_paper_with_records_of_quick() -> None:
    results = SOURCE_ROOT / "results"
    assert {paper for paper in paper_names() if any((results / paper).glob("quick-*"))} <= {*BARS}
    known = {"seeds", "words", "bars", "margins", "beside", "alone", "recorded"}
    assert all(set(entry) <= known and entry["bars"] for entry in BARS.values())


def gates_depend_on_the_pair(ready: Experiment, folder: Path) -> None:
    gates = pair_gates(ready.module.gate, torch.arange(ready.module.num_classes))
    upper = torch.triu_indices(len(gates), len(gates), 1)
    assert gates[upper[0], upper[1]].std(0).mean() > 0.1


def mixtures_make_the_proxy_task_harder(ready: Experiment, folder: Path) -> None:
    def proxy(folder: Path) -> float:
        """Returns the proxy accuracy of the last epoch."""
        (path,) = folder.rglob("metrics.csv")
        rows = [row for row in read_metrics(path) if row.key == "train/proxy_top1"]
        last = [row.value for row in rows if row.epoch == rows[-1].epoch]
        return sum(last) / len(last)

    none = ["method.num_key_mixtures=0", "method.num_query_mixtures=0", "evaluation.references=[]"]
    run_ready("mochi/quick", folder / "plain", f"seed={ready.recipe.seed}", *none)
    # A share of the query above one half would leave none. A prototype's last epochs had .37 to
    # .56 of MoCo's proxy accuracy.
    assert 0 < proxy(folder / METHOD) <= 0.7 * proxy(folder / "plain")


# What a number of the record cannot say.
SPECIAL = {
    "hydra": gates_depend_on_the_pair,
    "mochi": mixtures_make_the_proxy_task_harder,
}


def recorded(paper: str) -> dict[int, dict[str, Record]]:
    """Returns the newest committed record of each arm of `quick`, by seed."""
    found: dict[int, dict[str, Record]] = {}
    records = load_records(SOURCE_ROOT / "results", paper)
    for record in sorted(records, key=lambda record: record.finished):
        if record.recipe == "quick" and record.counts:
            found.setdefault(record.seed, {})[record.variant or METHOD] = record
    return found


@pytest.mark.parametrize("paper", BARS)
def test_the_committed_records_agree_with_the_table(paper: str) -> None:
    lines = lines_on(paper, METHOD, "beside", "alone", "recorded")
    by_seed = recorded(paper)
    assert by_seed
    for seed, records in by_seed.items():
        found = Found(paper, records)
        unknown = {arm for arm, _ in lines} - set(found.beside(METHOD))
        known = [(arm, line) for arm, line in lines if not unknown & {arm, *line.split()}]
        assert found.false(known) == [], seed


@pytest.mark.slow
@pytest.mark.parametrize(("paper", "seed"), SEEDS)
def test_quick_learns_and_what_must_fail_fails(paper: str, seed: int, tmp_path: Path) -> None:
    table = BARS[paper]
    words = [*table.get("words", []), f"seed={seed}"]
    record, ready = run_ready(f"{paper}/quick", tmp_path / METHOD, *words)
    found = Found(paper, {METHOD: record})
    for arm in table.get("beside", {}):
        if arm not in record.references:
            found.records[arm] = run_arm(paper, arm, seed, tmp_path / arm)
    assert found.false(lines_on(paper, METHOD, "beside")) == []
    if paper in SPECIAL:
        SPECIAL[paper](ready, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("paper", "arm"), ALONE)
def test_an_arm_alone_passes_or_fails(paper: str, arm: str, tmp_path: Path) -> None:
    found = Found(paper, {arm: run_arm(paper, arm, 0, tmp_path)})
    assert found.false(line for line in lines_on(paper, "alone") if line[0] == arm) == []
