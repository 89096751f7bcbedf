"""Arms of a bench against themselves on other seeds: how often `papers try` would see a difference.

    papers campaign OTHER_SEEDS.yaml --results OTHER_SEEDS
    python -m benchmarks.same_arm results OTHER_SEEDS

OTHER_SEEDS.yaml is a copy of `configs/campaigns/bench-images.yaml` or `bench-sentences.yaml` with
seeds 10 to 29. The seeds of an arm are taken in blocks of ten, as many as a trial has, and each two
blocks are a trial: paired in order, judged as a trial is. By chance one in twenty has a verdict.
"""

import argparse
from itertools import combinations
from pathlib import Path

from common.config.references import CONFIG_ROOT
from common.results.record import load_records
from common.results.statistics import summarise
from common.results.verdicts import judge_claim
from common.runs.campaign_file import read_campaign

TRIAL = 10
METRICS = {"images": "test/linear_top1", "sentences": "test/spearman"}


def judge_blocks(values: dict[int, float]) -> list[str]:
    """Returns the verdict of each two blocks of ``values`` by seed; those over stay aside."""
    ordered = [values[seed] for seed in sorted(values)]
    blocks = [ordered[at : at + TRIAL] for at in range(0, len(ordered) - TRIAL + 1, TRIAL)]
    pairs = combinations(blocks, 2)
    differences = ([a - b for a, b in zip(*pair, strict=True)] for pair in pairs)
    return [judge_claim(summarise(each), matters=0.0).status for each in differences]


def main() -> None:
    """Prints a line for each arm, and how many of all trials had a verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", type=Path)
    folders = parser.parse_args().results
    records = [record for folder in folders for record in load_records(folder)]
    seen = trials = 0
    for bench, metric in METRICS.items():
        pool = read_campaign(CONFIG_ROOT / "campaigns" / f"bench-{bench}.yaml")
        for name, setting in {each.reference: each.hash() for each in pool.recipes}.items():
            own = [record for record in records if record.config_hash == setting]
            values = {one.seed: one.metrics[metric] for one in own}
            found = judge_blocks({seed: x for seed, x in values.items() if x is not None})
            verdicts = sum(status in ("holds", "opposite") for status in found)
            print(f"{name:32s} {len(values):3d} seeds, {len(found)} trials, {verdicts} verdicts")
            seen, trials = seen + verdicts, trials + len(found)
    print(f"{seen} of {trials} trials of an arm against itself have a verdict")


if __name__ == "__main__":
    main()
