"""AutoTCL's `quick`: what learns, what does not, and what the mask finds."""

from pathlib import Path

import pytest

from common.results.record import Record, read_record
from tests.system.quick import run_seed

ERROR = "test/clean_mse@24"
# Bars of the recipe's header, in errors of the untrained encoder. The method's is the mean and two
# deviations of seeds 3 to 10; the true mask's was set after the seeds below had been seen.
METHOD_BAR, TRUE_MASK_BAR = 0.98, 0.9
ROOT = Path(__file__).parents[2]


def check_bars(method: Record, true_mask: Record) -> None:
    """Asserts what the header says of one seed."""
    references = {name: found[ERROR] for name, found in method.references.items()}
    ours, true = method.metrics[ERROR], true_mask.metrics[ERROR]
    assert ours <= METHOD_BAR * references["untrained"] < references["last-value"]
    assert true <= TRUE_MASK_BAR * references["untrained"]
    # What quick does not show: that a learned representation beats the raw lags.
    assert references["lags"] < true


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_true_mask_passes_the_bar_that_shows_training(seed: int, tmp_path: Path) -> None:
    arms = ("", ":true-mask")
    check_bars(*(run_seed(f"autotcl/quick{arm}", seed, tmp_path) for arm in arms))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_bars_hold_on_the_stored_runs_and_are_said_alike(seed: int) -> None:
    arms = ("quick", "quick-true-mask", "quick-random-mask")
    newest = [max((ROOT / "results/autotcl").glob(f"{arm}-s{seed}-*.json")) for arm in arms]
    method, true_mask, random_mask = map(read_record, newest)
    check_bars(method, true_mask)
    # On the records alone: on another processor rounding makes the three level on seed 2.
    assert true_mask.metrics[ERROR] < min(method.metrics[ERROR], random_mask.metrics[ERROR])
    for text in (ROOT / "papers/autotcl/README.md", ROOT / "configs/autotcl/quick.yaml"):
        for bar in (METHOD_BAR, TRUE_MASK_BAR):
            said = f"at least {100 - 100 * bar:.0f} % below the untrained encoder"
            assert said in " ".join(text.read_text().replace("#", "").split())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_gate_that_can_close_finds_quiet_noise(seed: int, tmp_path: Path) -> None:
    found = run_seed("autotcl/quick:quiet-logit", seed, tmp_path)
    assert found.metrics["test/mask_auc"] >= 0.65 > found.references["untrained"]["test/mask_auc"]
    # The mere size of the values does better.
    assert found.metrics["test/magnitude_auc"] > found.metrics["test/mask_auc"]
    published = run_seed("autotcl/quick:quiet", seed, tmp_path)
    assert published.metrics["test/mask_auc"] <= 0.56
