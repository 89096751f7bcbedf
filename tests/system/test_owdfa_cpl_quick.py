"""CPL's `quick` learns on each seed; labels alone and the arm without pairs fail its bar."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from common.config import load_recipe
from common.data.open_world.standin.generate import ow_forge_20
from common.data.open_world.standin.sanity import NETWORK, PIXELS, raw_pixel_accuracy
from common.leaderboard.record import Record
from common.runs import new_run
from common.train import prepare, train

ALL_BAR, NOVEL_BAR = 57.0, 48.0


def run(reference: str, folder: Path, *words: str) -> Record:
    recipe = load_recipe(reference, ["tracking.mode=disabled", *words])
    record = train(prepare(recipe), new_run(recipe, folder), Console(file=io.StringIO()))
    assert record is not None
    return record


def passes(metrics: dict[str, float]) -> bool:
    return metrics["test/all_acc"] >= ALL_BAR and metrics["test/novel_acc"] >= NOVEL_BAR


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_quick_learns_and_its_ablations_fail_the_bar(seed: int, tmp_path: Path) -> None:
    record = run("owdfa_cpl/quick", tmp_path, f"seed={seed}")
    assert passes(record.metrics), record.metrics
    assert not passes(record.references["untrained"])
    assert record.references["raw"]["test/kmeans_acc"] < 15
    for variant in ("no-glv", "labelled-only"):
        ablation = run(f"owdfa_cpl/quick:{variant}", tmp_path, f"seed={seed}")
        assert not passes(ablation.metrics), (variant, ablation.metrics)
        assert record.metrics["test/novel_acc"] >= ablation.metrics["test/novel_acc"] + 8


@pytest.mark.slow
def test_the_stand_in_is_neither_trivial_nor_impossible(tmp_path: Path) -> None:
    found = ow_forge_20("standard", with_real=False, seed=2000)
    assert raw_pixel_accuracy(found) == pytest.approx(PIXELS, abs=0.01)
    record = run("owdfa_cpl/standin:all-labels", tmp_path, "evaluation.protocols=[head-clusters]")
    assert record.metrics["test/all_acc"] == pytest.approx(100 * NETWORK, abs=3)
    assert record.metrics["test/best_all_nmi"] >= record.metrics["test/all_nmi"]
