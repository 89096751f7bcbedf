"""SepCLR's `quick` learns on each seed; without the joint entropy it fails the bar of the leak."""

from pathlib import Path

import pytest

from tests.system.quick import run_seed

# Chosen on seeds 10, 11 and 12. There the method has 82.0 to 86.2 of the digits in the common code
# and 42.2 to 48.0 of the bars, which are all in the salient code with 19.2 to 22.6 of the digits.
# Without the joint entropy 98 of the bars are in the common code.
# An untrained separation is below 0.
LEAST = {"test/separation": 85.0, "test/common_top1": 76.0, "test/salient_top1": 95.0}
MOST = {"test/common_leak": 60.0, "test/salient_leak": 40.0}


def passed(metrics: dict[str, float]) -> dict[str, bool]:
    reached = {key: metrics[key] >= bar for key, bar in LEAST.items()}
    return reached | {key: metrics[key] <= bar for key, bar in MOST.items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_quick_separates_and_without_the_joint_entropy_it_does_not(
    seed: int, tmp_path: Path
) -> None:
    record = run_seed("sepclr/quick", seed, tmp_path)
    assert all(passed(record.metrics).values()), record.metrics
    untrained = record.references["untrained"]["test/separation"]
    assert record.metrics["test/separation"] >= untrained + 80
    without = run_seed("sepclr/quick:no-joint", seed, tmp_path).metrics
    assert not passed(without)["test/common_leak"] and not passed(without)["test/separation"]
