"""Arms of a bench against themselves on other seeds: how often `papers try` would see a difference.

    papers campaign OTHER_SEEDS.yaml --results OTHER_SEEDS
    python -m benchmarks.same_arm results OTHER_SEEDS

OTHER_SEEDS.yaml is a copy of `configs/campaigns/bench-images.yaml` or `bench-sentences.yaml` with
seeds that nobody has looked at. The seeds of an arm are taken in blocks of ten, as many as a trial
has, and each two blocks are a trial: paired in order, judged as a trial is by each metric that it
shows. One of them is enough for a verdict.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from common.config.references import CONFIG_ROOT
from common.results.comparison import metrics_to_show, side_by_side
from common.results.record import load_records
from common.results.statistics import TRIAL_CONFIDENCE, summarise
from common.results.verdicts import judge_claim
from common.runs.campaign_file import read_campaign

TRIAL = 10


def judge_blocks(values: Mapping[int, Sequence[float]]) -> list[bool]:
    """Tells of each two blocks whether a trial would have a verdict.

    Args:
        values: Of each metric, by seed; seeds over stay aside.
    """
    ordered = [values[seed] for seed in sorted(values)]
    blocks = [ordered[at : at + TRIAL] for at in range(0, len(ordered) - TRIAL + 1, TRIAL)]
    return [_differ(*pair) for pair in combinations(blocks, 2)]


def _differ(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> bool:
    for ours, theirs in zip(zip(*one, strict=True), zip(*other, strict=True), strict=True):
        less = summarise([a - b for a, b in zip(ours, theirs, strict=True)])
        if judge_claim(less, 0.0, TRIAL_CONFIDENCE).status in ("holds", "opposite"):
            return True
    return False


def main() -> None:
    """Prints a line for each arm, and how many of all trials had a verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", type=Path)
    folders = parser.parse_args().results
    records = [record for folder in folders for record in load_records(folder)]
    found: list[bool] = []
    for bench in ("images", "sentences"):
        pool = read_campaign(CONFIG_ROOT / "campaigns" / f"bench-{bench}.yaml")
        for name, setting in {each.reference: each.hash() for each in pool.recipes}.items():
            own = [record for record in records if record.config_hash == setting]
            metrics = metrics_to_show(side_by_side(own)[0]) if own else []
            rows = {one.seed: [one.metrics[metric] for metric in metrics] for one in own}
            values = {seed: [x for x in row if x is not None] for seed, row in rows.items()}
            trials = judge_blocks(values)
            print(f"{name:32s} {len(own):3d} seeds, {len(trials)} trials, {sum(trials)} verdicts")
            found += trials
    print(f"{sum(found)} of {len(found)} trials of an arm against itself have a verdict")


if __name__ == "__main__":
    main()
