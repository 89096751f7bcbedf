"""CPL's `quick` learns on each seed; labels alone and the arm without pairs fail its bar."""

from pathlib import Path

import pytest

from papers.owdfa_cpl.readers.ow_forge_20 import ow_forge_20
from papers.owdfa_cpl.readers.sanity import NETWORK, PIXELS, raw_pixel_accuracy
from tests.system.quick import NEW_SEEDS, run_seed

ALL_BAR, NOVEL_BAR = 57.0, 48.0


def passes(metrics: dict[str, float]) -> bool:
    return metrics["test/all_acc"] >= ALL_BAR and metrics["test/novel_acc"] >= NOVEL_BAR


@pytest.mark.slow
@pytest.mark.parametrize("seed", NEW_SEEDS)
def test_quick_learns_and_its_ablations_fail_the_bar(seed: int, tmp_path: Path) -> None:
    record = run_seed("owdfa_cpl/quick", seed, tmp_path)
    assert passes(record.metrics), record.metrics
    assert not passes(record.references["untrained"])
    assert record.references["raw"]["test/kmeans_acc"] < 15
    for variant in ("no-glv", "labelled-only"):
        ablation = run_seed(f"owdfa_cpl/quick:{variant}", seed, tmp_path)
        assert not passes(ablation.metrics), (variant, ablation.metrics)
        assert record.metrics["test/novel_acc"] >= ablation.metrics["test/novel_acc"] + 8


@pytest.mark.slow
def test_the_stand_in_is_neither_trivial_nor_impossible(tmp_path: Path) -> None:
    found = ow_forge_20("standard", with_real=False, seed=2000)
    assert raw_pixel_accuracy(found) == pytest.approx(PIXELS, abs=0.01)
    words = ["evaluation.protocols=[head-clusters]"]
    record = run_seed("owdfa_cpl/standin:all-labels", 0, tmp_path, *words)
    assert record.metrics["test/all_acc"] == pytest.approx(100 * NETWORK, abs=3)
    assert record.metrics["test/best_all_nmi"] >= record.metrics["test/all_nmi"]
