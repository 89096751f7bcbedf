"""What is read of ``claims.yaml``, and what records say of it."""

import dataclasses

import pytest

from common.errors import ConfigError
from common.paper import paper_names
from common.results.claims import arms_of, load_all_claims, load_claims
from common.results.groups import Code, group_records
from common.results.verdicts import decide
from tests.samples import KNN

GOOD = """
more_labels: [baseline/supervised]
caveats: [The rate was chosen on test images.]
claims:
  - id: small-crops-help
    says: Small crops
      help.
    source: arXiv 2006.09882
    setting: swav/cifar10
    metric: test/knn_top1
    better: higher
    ahead: method
    behind: ablation/two-crops
    matters: 0.05
    why: It is what one asks for.
    committed: 2026-06-01T00:00
  - id: transfer
    says: It transfers.
    source: arXiv 2006.09882
    not_tested: It needs many devices.
    committed: 2026-06-01T00:00
"""
ARMS = {
    "method": [(None, "cpu"), ("wide",)],
    "ablation/two-crops": [("two-crops",)],
    "baseline/simclr": [("simclr",)],
}
CODE = Code(
    digests={"swav": "e" * 12},
    config_hashes=dict.fromkeys(
        ["swav/cifar10", "swav/cifar10:cpu", "swav/cifar10:two-crops", "swav/cifar10:wide"],
        "c" * 10,
    ),
)


@pytest.fixture
def read(tmp_path):
    def load(text):
        path = tmp_path / "papers" / "swav" / "claims.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return load_claims(path, lambda setting: ARMS)

    return load


def test_a_good_file(read):
    found = read(GOOD)
    first, second = found.claims
    assert first.says == "Small crops help." and first.comparison.matters == 0.05
    assert first.variants == {"method": (None, "cpu"), "ablation/two-crops": ("two-crops",)}
    assert second.comparison is None and second.not_tested == "It needs many devices."
    assert found.more_labels == ["baseline/supervised"] and len(found.caveats) == 1


def test_a_word_after_the_arm_names_its_variant(read):
    (claim, _) = read(GOOD.replace("ahead: method", "ahead: method:wide")).claims
    assert claim.variants["method:wide"] == ("wide",)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("    matters: 0.05\n", "", "small-crops-help: matters"),
        ("matters: 0.05", "matters: 0", "small-crops-help: matters"),
        ("matters: 0.05", "matters: much", "small-crops-help: matters"),
        ("better: higher", "better: more", "small-crops-help: better"),
        ("behind: ablation/two-crops", "behind: ablation/two", "small-crops-help: behind"),
        ("ahead: method", "ahead: method:long", "small-crops-help: ahead"),
        ("ahead: method", "ahead: baseline/moco", "small-crops-help: ahead"),
        ("setting: swav/cifar10", "setting: meow/acm", "small-crops-help: setting"),
        ("metric: test/knn_top1", "metric: knn_top1", "small-crops-help: metric"),
        ("    why: It", "    because: It", "small-crops-help: unknown key 'because'"),
        ("    why: It", "    not_tested: It", "small-crops-help: not_tested"),
        ("    why: It", "    variants: {}\n    why: It", "small-crops-help: unknown key"),
        ("id: transfer", "id: small-crops-help", "small-crops-help: id"),
        ("id: transfer", "id: It Transfers", "It Transfers: id"),
        ("2026-06-01T00:00\n  - id", "soon\n  - id", "small-crops-help: committed"),
        ("2026-06-01T00:00\n  - id", "2026-06-01\n  - id", "small-crops-help: committed"),
        ("2026-06-01T00:00\n  - id", "2026-6-1T8:00\n  - id", "small-crops-help: committed"),
        ("claims:", "claim:", "claims"),
        ("more_labels: [baseline/supervised]", "more_labels: [supervised]", "more_labels"),
        ("caveats:", "caveat:", "unknown key 'caveat'"),
    ],
)
def test_a_mistake_is_named_with_its_file_claim_and_key(read, old, new, named):
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        read(GOOD.replace(old, new))
    assert "claims.yaml: " in str(caught.value) and named in str(caught.value)


def test_two_references_are_no_comparison(read):
    text = GOOD.replace("ahead: method", "ahead: reference/raw")
    text = text.replace("behind: ablation/two-crops", "behind: reference/untrained")
    with pytest.raises(ConfigError, match="small-crops-help: ahead"):
        read(text)


def test_the_settings_of_an_arm_are_those_of_the_recipes_file():
    arms = arms_of("swav/cifar10-jpeg")
    assert arms["method"][0] == (None, "cpu")
    assert arms["ablation/two-crops"] == [("two-crops",)]
    assert [None, "cpu"] == [*arms_of("supremix/airfoil")["method"][0]]


def test_every_paper_has_claims_that_can_be_read():
    found = load_all_claims(arms_of)
    assert sorted(found) == paper_names()
    # A list's line below a sentence is read as more of the sentence.
    assert [name for name, one in found.items() if " - " in (one.needs or "")] == []


AFTER = "2026-06-02T00:00:00Z"
TWO = {"variant": "two-crops", "arm": "ablation/two-crops"}


@pytest.fixture
def decision(read, make_record):
    """What records of the two arms, a value a seed, decide of the first claim."""

    def make(ahead, behind, text=GOOD, code=CODE, finished=AFTER, **changes):
        times = finished if isinstance(finished, dict) else dict.fromkeys(range(9), finished)
        records = [
            make_record(
                **{"seed": seed, "run_id": f"{arm}{seed}", "metrics": {KNN: value}},
                **{"finished": times[seed], **more, **changes},
            )
            for arm, values, more in (("a", ahead, {"variant": "cpu"}), ("b", behind, TWO))
            for seed, value in values.items()
        ]
        return decide(read(text).claims[0], group_records(records, code))

    return make


def by_seed(*values):
    return dict(enumerate(values))


def test_values_are_paired_by_seed(decision):
    # Seeds differ far more than arms, and each pair by a tenth, up to a hundredth.
    found = decision(by_seed(0.1, 0.5, 0.9), by_seed(0.01, 0.40, 0.79))
    assert found.verdict.status == "holds"
    assert found.verdict.gap == pytest.approx(0.1) and found.differences.n == 3
    # Only seeds that both arms have make pairs.
    found = decision(by_seed(0.1, 0.5, 0.9), {1: 0.40, 2: 0.79, 3: 0.0})
    assert found.differences.n == 2 and found.verdict.status == "undecided"


def test_less_is_better_where_the_claim_says_so(decision):
    text = GOOD.replace("better: higher", "better: lower")
    found = decision(by_seed(0.1, 0.5, 0.9), by_seed(0.01, 0.40, 0.79), text)
    assert found.verdict.status == "opposite" and found.verdict.gap == pytest.approx(-0.1)


def test_a_reference_stands_in_the_records_of_the_other_arm(decision):
    text = GOOD.replace("behind: ablation/two-crops", "behind: reference/untrained")
    found = decision(by_seed(0.49, 0.5, 0.51), {}, text)
    assert found.verdict.gap == pytest.approx(0.1) and found.verdict.status == "holds"


def test_records_from_before_the_claim_make_it_seen_before(decision):
    arms = by_seed(0.1, 0.5, 0.9), by_seed(0.01, 0.40, 0.79)
    assert not decision(*arms).seen_before
    assert not decision(*arms, finished="2026-06-01T08:00:00Z").seen_before
    assert decision(*arms, finished="2026-05-31T23:59:59Z").seen_before


def test_pairs_from_before_the_claim_count_until_three_newer_ones_are_there(decision):
    ahead, behind = by_seed(0.9, 0.9, 0.9, 0.1, 0.5, 0.9), by_seed(0.1, 0.1, 0.1, 0.21, 0.6, 1.0)
    times = by_seed(*3 * ["2026-05-31T23:59:59Z"], AFTER, AFTER, AFTER)
    found = decision(ahead, behind, finished=times)
    assert (found.differences.n, found.verdict.status, found.seen_before) == (3, "opposite", False)
    del behind[5]
    found = decision(ahead, behind, finished=times)
    assert found.differences.n == 5 and found.seen_before


def test_a_claim_of_the_same_day_knows_the_minute(decision):
    arms = by_seed(0.1, 0.5, 0.9), by_seed(0.01, 0.40, 0.79)
    text = GOOD.replace("2026-06-01T00:00", "2026-06-01T08:01")
    assert decision(*arms, text=text, finished="2026-06-01T08:00:59Z").seen_before
    assert not decision(*arms, text=text, finished="2026-06-01T08:01:00Z").seen_before


def test_records_that_moved_do_not_decide(decision):
    arms = by_seed(0.1, 0.5, 0.9), by_seed(0.01, 0.40, 0.79)
    assert decision(*arms).kind == "holds"
    found = decision(*arms, code=dataclasses.replace(CODE, digests={"swav": "0" * 12}))
    assert found.kind == "not checked" and found.verdict.status == "holds"


def test_only_trained_runs_of_the_setting_as_written_decide(decision):
    arms = by_seed(0.1, 0.5, 0.9), by_seed(0.01, 0.40, 0.79)
    assert decision(*arms, weights="published").kind == "not run"
    assert decision(*arms, recipe="quick").kind == "not run"
    assert decision(*arms, scaled=True, scaled_reason="by hand").kind == "not run"
    assert decision(by_seed(0.1), {}).kind == "not run"


def test_a_pair_without_a_value_is_told_with_its_seed(decision):
    found = decision(by_seed(0.1, 0.5, None), by_seed(0.1, None, 0.7))
    assert (found.kind, found.differences) == ("undefined at seed 1", None)


def test_arms_on_other_data_are_no_pair(read, make_record):
    records = [
        make_record(variant="cpu", run_id="a"),
        make_record(**TWO, run_id="b", data_hash="0" * 16),
    ]
    assert decide(read(GOOD).claims[0], group_records(records, CODE)).kind == "not run"


def test_a_claim_without_a_comparison_is_not_tested(read):
    assert decide(read(GOOD).claims[1], []).kind == "not tested here"
