import math

import pytest
from scipy import stats

from common.results.reported import ReportedNumber
from common.results.statistics import (
    Sample,
    half_width,
    kept_by_correction,
    p_of_differences,
    summarise,
)
from common.results.verdicts import Control, judge_claim, judge_published, judge_trained

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


def test_p_and_the_correction_for_many_are_those_of_scipy():
    values = [0.2, 0.5, -0.1, 0.4]
    expected = stats.ttest_1samp(values, 0).pvalue
    assert p_of_differences(summarise(values)) == pytest.approx(expected, rel=1e-9)
    assert (
        p_of_differences(Sample(0.3, None, 1)) is None
        and p_of_differences(Sample(0.3, 0.0, 3)) is None
        and p_of_differences(Sample(0.3, 0.0, 6)) == 0
    )
    many = [0.001, 0.03, 0.012, 0.2, 0.04, 0.013, 0.9]
    rejected = [
        p for p, q in zip(many, stats.false_discovery_control(many), strict=True) if q <= 0.05
    ]
    assert kept_by_correction(many) == max(rejected) < max(many)
    assert kept_by_correction([0.4, 0.6]) < 0


def test_the_interval_is_welchs():
    ours, theirs = [0.1, 0.5, 0.4, 0.45], [0.3, 0.2, 0.35, 0.9, 0.6, 0.1]
    other = summarise(theirs)
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    expected = (interval.high - interval.low) / 2
    assert half_width(summarise(ours), other.spread, other.n) == pytest.approx(expected, rel=1e-9)


# Far from what learns nothing, level with it, and measured with too few seeds.
UNTRAINED = Sample(0.4, 0.1, 3)
FAR, LEVEL, FEW = (
    Control(UNTRAINED, better)
    for better in (Sample(0.4, 0.1, 3), Sample(0.1, 0.2, 3), Sample(0.4, 0.0, 2))
)
# Training made it worse; and the untrained encoder would agree with the number, too.
SAME = Control(UNTRAINED, Sample(0.0, 0.0, 3))
WORSE = Control(UNTRAINED, Sample(-0.4, 0.1, 3))
INSIDE = Control(Sample(0.79, 0.01, 3), Sample(0.03, 0.001, 3))


# The half-width against a fixed number is 4.303 * 0.02 / sqrt(3) = 0.0497.
@pytest.mark.parametrize(
    ("reference", "control", "status"),
    [
        (ReportedNumber(value=0.82, margin=0.05), FAR, "reproduced"),
        (ReportedNumber(value=0.80, margin=0.07), FAR, "reproduced"),
        # Across the margin on one side, and the interval wider than the margin.
        (ReportedNumber(value=0.80, margin=0.069), FAR, "inconclusive"),
        (ReportedNumber(value=0.82, margin=0.049), FAR, "inconclusive"),
        # It excludes 0, and reaches into the margin.
        (ReportedNumber(value=0.77, margin=0.01), FAR, "inconclusive"),
        (ReportedNumber(value=0.76, margin=0.01), FAR, "above"),
        (ReportedNumber(value=0.88, margin=0.01), FAR, "below"),
        # With spread the interval is 0.0453 wide: the same gap is told from it by n alone.
        (ReportedNumber(value=0.764, margin=0.01, spread=0.02, n=3), FAR, "above"),
        (ReportedNumber(value=0.82, margin=0.046, spread=0.02, n=3), FAR, "reproduced"),
        (ReportedNumber(value=0.82, margin=0.05), LEVEL, "agrees, not telling"),
        (
            ReportedNumber(value=0.82, margin=0.05),
            Control(UNTRAINED, Sample(0, 0, 3)),
            "agrees, not telling",
        ),
        (ReportedNumber(value=0.82, margin=0.05), WORSE, "agrees, not telling"),
        (ReportedNumber(value=0.82, margin=0.05), INSIDE, "agrees, not telling"),
        (ReportedNumber(value=0.82, margin=0.05), None, "agrees, control not run"),
        (ReportedNumber(value=0.82, margin=0.05), FEW, "agrees, control not run"),
        # What differs needs no control.
        (ReportedNumber(value=0.76, margin=0.01), None, "above"),
    ],
)
def test_statuses_of_three_trained_seeds(reference, control, status):
    verdict = judge_trained(OURS, reference, control)
    assert verdict.status == status
    assert verdict.gap == pytest.approx(OURS.mean - reference.value)


@pytest.mark.parametrize("ours", [Sample(0.8, 0.0, 2), Sample(0.8, None, 1), Sample(0.1, 0.0, 2)])
def test_two_seeds_prove_nothing(ours):
    assert judge_trained(ours, ReportedNumber(value=0.8, margin=0.1), FAR).status == "inconclusive"


@pytest.mark.parametrize(
    ("differences", "status"),
    [
        # 4.303 * 0.1 / sqrt(3) = 0.248.
        (Sample(0.0, 0.1, 3), "no difference"),
        (Sample(0.7, 0.1, 3), "differs, by less than matters"),
        (Sample(0.8, 0.1, 3), "holds"),
        (Sample(-0.8, 0.1, 3), "opposite"),
        (Sample(0.9, 0.5, 3), "undecided"),
        (Sample(0.2, 0.5, 3), "undecided"),
        (Sample(5.0, 0.0, 2), "undecided"),
        (Sample(5.0, None, 1), "undecided"),
        # Five equal signs come by chance in a sixteenth of all cases, six in a thirty-second.
        (Sample(5.0, 0.0, 5), "undecided"),
        (Sample(0.5, 1e-17, 3), "undecided"),
        (Sample(-5.0, 0.0, 6), "opposite"),
        (Sample(0.0, 0.0, 3), "no difference"),
        (None, "not run"),
    ],
)
def test_verdicts_of_a_claim_for_which_one_matters(differences, status):
    assert judge_claim(differences, 1.0).status == status


@pytest.mark.parametrize("gap", [0.1, 0.5, 0.9, 1.5, -0.9])
def test_as_many_seeds_as_a_verdict_asks_for_decide_and_one_less_does_not(gap):
    undecided = judge_claim(Sample(gap, 2.0, 3), 1.0)
    assert undecided.status == "undecided" and undecided.seeds > 3
    assert judge_claim(Sample(gap, 2.0, undecided.seeds), 1.0).status != "undecided"
    assert judge_claim(Sample(gap, 2.0, undecided.seeds - 1), 1.0).status == "undecided"


@pytest.mark.parametrize("value", [0.80, 0.74])
def test_as_many_seeds_as_an_inconclusive_number_asks_for_tell(value):
    reference = ReportedNumber(value=value, margin=0.05)
    found = judge_trained(OURS, reference, FAR)
    assert found.status == "inconclusive"
    enough, fewer = (Sample(0.82, 0.02, n) for n in (found.seeds, found.seeds - 1))
    assert judge_trained(enough, reference, FAR).status in ("reproduced", "above")
    assert judge_trained(fewer, reference, FAR).status == "inconclusive"


def test_no_number_of_our_seeds_makes_up_for_the_spread_of_the_reference():
    wide = ReportedNumber(value=0.82, margin=0.05, spread=0.5, n=3)
    assert judge_trained(OURS, wide, FAR).seeds is None


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
    assert judge_published(value, ReportedNumber(value=0.0352, margin=0.00005)).status == status
