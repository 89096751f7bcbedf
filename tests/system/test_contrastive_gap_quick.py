"""The contrastive gap's `quick` closes the gap on each seed; CLIP's loss alone does not."""

from pathlib import Path

import pytest

from tests.system.quick import run_seed

# Per cent of held-out rows whose side is told (50: no gap), distance of the centres, and per cent
# of images that find their caption (0.2 by chance): looked at on seeds 10, 11 and 12 (README).
APART, DISTANCE, FOUND = 75.0, 0.12, 70.0
SEPARABILITY, CENTRES = "test/gap_separability", "test/gap_centroid_distance"
RETRIEVED = "test/image_to_text_r1"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_quick_closes_the_gap_and_clips_loss_alone_does_not(seed: int, tmp_path: Path) -> None:
    record = run_seed("contrastive_gap/quick", seed, tmp_path)
    untrained = record.references["untrained"]
    assert record.metrics[SEPARABILITY] <= APART < untrained[SEPARABILITY]
    assert record.metrics[CENTRES] <= DISTANCE < untrained[CENTRES]
    assert record.metrics[RETRIEVED] >= FOUND and untrained[RETRIEVED] < 5
    alone = run_seed("contrastive_gap/quick:no-uniformity-no-alignment", seed, tmp_path).metrics
    assert alone[SEPARABILITY] > APART and alone[CENTRES] > DISTANCE, alone
