import math

import pytest
from scipy import stats

from common.results.reported import Reference
from common.results.statistics import (
    Sample,
    half_width,
    judge_published,
    judge_trained,
    summarise,
)

# Mean 0.82, sample standard deviation 0.02 (squares 0.0004 + 0 + 0.0004, over n - 1 = 2).
OURS = Sample(0.82, 0.02, 3)
# Quantiles of Student's t at 0.975 from a printed table.
T2, T4 = 4.303, 2.776


def test_mean_and_sample_spread():
    found = summarise([0.80, 0.82, 0.84])
    assert found.n == 3
    assert found.mean == pytest.approx(0.82)
    assert found.spread == pytest.approx(0.02)
    assert summarise([0.5]) == Sample(0.5, None, 1)
    with pytest.raises(ValueError, match="no values"):
        summarise([])


def test_the_interval_against_a_fixed_number():
    assert half_width(OURS, None, None) == pytest.approx(T2 * 0.02 / math.sqrt(3), rel=1e-3)
    assert half_width(Sample(0.8, None, 1), None, None) is None
    assert half_width(Sample(0.8, 0.0, 3), None, None) == 0


def test_the_interval_against_a_number_with_spread():
    # Equal spreads and numbers: standard error 0.02 * sqrt(2 / 3), 4 degrees of freedom.
    assert half_width(OURS, 0.02, 3) == pytest.approx(T4 * 0.02 * math.sqrt(2 / 3), rel=1e-3)


def test_the_interval_is_welchs():
    ours, theirs = [0.1, 0.5, 0.4, 0.45], [0.3, 0.2, 0.35, 0.9, 0.6, 0.1]
    other = summarise(theirs)
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    expected = (interval.high - interval.low) / 2
    assert half_width(summarise(ours), other.spread, other.n) == pytest.approx(expected, rel=1e-9)


# The half-width against a fixed number is 4.303 * 0.02 / sqrt(3) = 0.0497.
@pytest.mark.parametrize(
    ("reference", "status", "gap"),
    [
        (Reference(value=0.80, margin=0.05), "reproduced", 0.02),
        (Reference(value=0.80, margin=0.049), "inconclusive", 0.02),
        (Reference(value=0.771, margin=0.05), "reproduced", 0.049),
        (Reference(value=0.770, margin=0.05), "above", 0.050),
        (Reference(value=0.870, margin=0.05), "below", -0.050),
        # With spread the interval is 0.0453 wide: the same gap lies outside or inside by n alone.
        (Reference(value=0.774, margin=0.05, spread=0.02, n=3), "above", 0.046),
        (Reference(value=0.775, margin=0.05, spread=0.02, n=3), "reproduced", 0.045),
        (Reference(value=None), "no reference", None),
    ],
)
def test_statuses_of_three_trained_seeds(reference, status, gap):
    verdict = judge_trained(OURS, reference)
    assert verdict.status == status
    assert verdict.gap == (None if gap is None else pytest.approx(gap))


def test_two_seeds_prove_nothing_even_when_they_agree():
    assert (
        judge_trained(Sample(0.8, 0.0, 2), Reference(value=0.8, margin=1)).status == "inconclusive"
    )
    assert (
        judge_trained(Sample(0.8, None, 1), Reference(value=0.1, margin=1)).status == "inconclusive"
    )


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (0.03524999, "exact"),
        (0.03525, "exact"),
        (0.03515, "exact"),
        (0.0353, "above"),
        (0.0351, "below"),
    ],
)
def test_published_weights_agree_up_to_the_rounding_of_the_published_number(value, status):
    assert judge_published(value, Reference(value=0.0352, margin=0.00005)).status == status


def test_published_weights_without_a_number_to_agree_with():
    assert judge_published(0.5, Reference(value=None)).status == "no reference"
