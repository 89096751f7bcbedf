"""What stands beside a paper's method on the front page and on the paper's own."""

import dataclasses

import pytest

from common.results.claims import Claim, Comparison, PaperClaims
from common.results.groups import Code
from common.results.leaderboard import Leaderboard, make_leaderboard
from common.results.pages.document import plain_words, to_markdown
from common.results.pages.leaderboard import (
    ablation_text,
    papers_table,
    reported_text,
    row_of,
    start_text,
    totals,
)
from common.results.pages.paper import paper_page
from common.results.reported import OFFICIAL, ReportedNumber
from tests.samples import ENTRY, KNN

COMPARISON = Comparison(
    setting="swav/cifar10",
    metric=KNN,
    better="higher",
    ahead="method",
    behind="ablation/hard",
    matters=0.05,
    why="It is enough.",
)
CLAIM = Claim(
    id="soft-helps",
    says="Soft codes help.",
    source="arXiv",
    committed="2025-12-31T00:00",
    comparison=COMPARISON,
    variants={"method": (None, "cpu"), "ablation/hard": ("hard",)},
)
UNTESTED = Claim(
    id="transfer",
    says="It transfers.",
    source="arXiv",
    committed="2025-12-31T00:00",
    not_tested="It needs many devices.",
)
CLAIMS = PaperClaims(
    claims=[CLAIM, UNTESTED],
    more_labels=["baseline/supervised"],
    caveats=["The rate was chosen on *test* images."],
)
ARMS = {"swav/cifar10": {"method": [(None, "cpu"), ("aaa",)]}}
NAMES = ["", "aaa", "cpu", "hard", "crops", "simclr", "moco", "supervised"]
# Ours, then what is named after its variant; a seed each.
VALUES = {
    ("method", None): [0.80, 0.82, 0.84],
    ("method", "aaa"): [0.10, 0.10, 0.10],
    ("ablation/hard", "hard"): [0.50, 0.53, 0.54],
    ("ablation/crops", "crops"): [0.10, 0.90, 0.90],
    ("baseline/simclr", "simclr"): [0.70, 0.72, 0.75],
    ("baseline/moco", "moco"): [0.60, 0.60, 0.60],
    ("baseline/supervised", "supervised"): [0.99, 0.99, 0.99],
}
REFERENCES = {"untrained": 0.4, "raw": 0.5, "trees": 0.3}


def code(digest="e" * 12):
    names = [f"swav/cifar10{':' if name else ''}{name}" for name in NAMES]
    return Code(digests={"swav": digest}, config_hashes=dict.fromkeys(names, "c" * 10))


@pytest.fixture
def board(make_record):
    """A board of `VALUES`, changed, with `REFERENCES` beside the method."""

    def make(
        changes=(), references=REFERENCES, claims=CLAIMS, digest="e" * 12, entries=(), more=()
    ):
        records = [
            make_record(
                arm=arm,
                variant=variant,
                seed=seed,
                run_id=f"{variant}{seed}",
                metrics={KNN: value},
                references={name: {KNN: one} for name, one in references.items()},
            )
            for (arm, variant), values in {**VALUES, **dict(changes)}.items()
            for seed, value in enumerate(values)
        ]
        found = {"swav": claims} if claims else {}
        return make_leaderboard(entries, [*records, *more], code(digest), claims=found, arms=ARMS)

    return make


def names(row):
    found = (row.rival, row.nothing, row.ablation)
    return [plain_words(one.name) if one else None for one in found]


def test_the_strongest_rival_and_the_strongest_that_learns_nothing_stand_beside_the_method(board):
    row = row_of(board(), "swav")
    assert row.ours.mean == pytest.approx(0.82)
    # What sees more labels is no rival, and crops differ more than hard codes but are not told.
    assert names(row) == ["simclr", "raw", "hard"]
    assert row.ablation.gap == pytest.approx(-0.297, abs=1e-3)


def test_a_rival_that_shares_seeds_with_the_method_comes_before_one_that_shares_none(
    board, make_record
):
    moco = {"arm": "baseline/moco", "variant": "moco"}
    other = make_record(**moco, seed=7, run_id="moco7", metrics={KNN: 0.99})
    apart = {("baseline/moco", "moco"): []}
    assert names(row_of(board(apart, more=[other]), "swav"))[0] == "simclr"
    alone = apart | {("baseline/simclr", "simclr"): []}
    none = {"references": {}}
    assert names(row_of(board(alone, more=[other], **none), "swav"))[0] == "moco"


def test_of_an_error_the_least_is_the_strongest(board):
    lower = dataclasses.replace(COMPARISON, better="lower")
    claims = PaperClaims(claims=[dataclasses.replace(CLAIM, comparison=lower)])
    assert names(row_of(board(claims=claims), "swav")) == ["trees", "untrained", "hard"]


def test_a_reference_that_learns_from_labels_is_a_rival(board):
    row = row_of(board(references={**REFERENCES, "trees": 0.9}), "swav")
    assert names(row)[:2] == ["trees", "raw"]


def test_one_starts_from_the_method_or_from_what_is_ahead_or_learns_nothing_and_is_as_good(board):
    def start(changes=(), **references):
        found = board(changes, {**REFERENCES, **references})
        return plain_words(start_text(found, row_of(found, "swav")))

    raw = "raw"
    assert start() == "swav/cifar10"
    simclr = ("baseline/simclr", "simclr")
    assert start({simclr: [0.80, 0.99, 0.84]}) == "swav/cifar10"
    assert start({simclr: [0.90, 0.92, 0.945]}) == "swav/cifar10:simclr"
    assert start({simclr: [0.90, 0.92, 0.945]}, raw=0.97) == raw
    assert start(raw=0.81) == f"nothing: {raw}, which learns nothing, is not clearly behind"
    assert start({("method", None): [0.82]}).startswith("swav/cifar10: 3 seeds tell")


def test_an_ablation_is_said_to_be_better_or_worse_whichever_way_the_metric_goes(board):
    def text(claims=CLAIMS, changes=()):
        return plain_words(ablation_text(row_of(board(changes, claims=claims), "swav")))

    lower = dataclasses.replace(COMPARISON, better="lower")
    assert text().endswith(" worse")
    assert " better: " in text(PaperClaims(claims=[dataclasses.replace(CLAIM, comparison=lower)]))
    hard, crops = ("ablation/hard", "hard"), ("ablation/crops", "crops")
    assert text(changes={hard: []}) == "no difference excludes 0"
    assert text(changes={hard: [], crops: []}) == "none has been run"


def test_a_variant_that_changes_nothing_is_shown_as_its_recipe(make_record, board):
    found = dataclasses.replace(board(), arms={"swav/cifar10": {"method": [(None, "cpu")]}})
    assert found.name_of(make_record(variant="cpu")) == "cifar10"
    assert found.name_of(make_record(variant="hard")) == "cifar10:hard"


def test_the_setting_is_that_of_the_first_claim_that_has_been_run(board):
    elsewhere = dataclasses.replace(COMPARISON, setting="swav/stl10")
    claims = [dataclasses.replace(CLAIM, comparison=elsewhere), CLAIM]
    row = row_of(board(claims=PaperClaims(claims=claims)), "swav")
    assert row.section.setting == "swav/cifar10"
    assert row_of(board(claims=PaperClaims(claims=claims[:1])), "swav").ours.n == 3
    assert row_of(board(claims=None), "swav") is None


def test_the_method_is_its_first_setting_in_the_file_that_has_been_run(board, make_record):
    late = make_record(arm="method", variant="aab", seed=0, run_id="late", metrics={KNN: 0.3})
    found = board({("method", None): []}, more=[late])
    for order, ours in ((["aab", "aaa"], 0.3), (["aaa", "aab"], 0.1)):
        arms = {"swav/cifar10": {"method": [(None, "cpu"), *((name,) for name in order)]}}
        row = row_of(dataclasses.replace(found, arms=arms), "swav")
        assert row.ours.mean == pytest.approx(ours)


def test_of_two_protocols_of_a_setting_the_one_that_the_claim_compares_stands_in_front(
    board, make_record
):
    sides = {"method:aaa": ("aaa",), "ablation/hard": ("hard",)}
    arms = [("method", "aaa", 0.7), ("ablation/hard", "hard", 0.6)]
    more = [
        make_record(
            arm=arm, variant=variant, seed=seed, run_id=f"{variant}-{seed}", protocol="long",
            metrics={KNN: value + (seed if arm == "method" else 2 - seed) / 100},
        )
        for arm, variant, value in arms
        for seed in range(3)
    ]  # fmt: skip
    assert row_of(board(more=more), "swav").ours.mean == pytest.approx(0.82)
    ahead = dataclasses.replace(COMPARISON, ahead="method:aaa")
    claims = [dataclasses.replace(CLAIM, comparison=ahead, variants=sides)]
    row = row_of(board(more=more, claims=PaperClaims(claims=claims)), "swav")
    assert row.ours.mean == pytest.approx(0.71)
    assert row.ablation.gap == pytest.approx(-0.1)


def test_a_line_holds_the_headline_with_its_verdict_and_who_is_beside_it(board):
    def line(**given):
        table = papers_table(board(entries=[ENTRY], **given), lambda paper: f"#{paper}")
        (row,) = to_markdown([table]).splitlines()[2:]
        return row

    row = line()
    assert row == (
        "| [swav](#swav) | `swav/cifar10` | soft helps | `cifar10`, knn_top1, real data | 3 "
        "| +0.297 (± 0.014) "
        "| holds | `simclr` +0.0967 (± 0.0143) | raw +0.3200 (± 0.0497) |"
    )
    assert "| not checked |" in line(digest="0" * 12)
    known = PaperClaims(claims=[dataclasses.replace(CLAIM, known_from="a prototype")])
    assert "| holds; known from a prototype |" in line(claims=known)
    late = PaperClaims(claims=[dataclasses.replace(CLAIM, committed="2026-06-01T00:00")])
    assert "| holds; seen before |" in line(claims=late)


def test_a_headline_on_generated_data_says_which_real_data_it_needs(board, monkeypatch):
    monkeypatch.setattr(Leaderboard, "is_generated", lambda *_: True)

    def tried(needs):
        found = board(claims=dataclasses.replace(CLAIMS, needs=needs))
        (row,) = papers_table(found, str).rows
        return plain_words(row[3])

    assert tried(None) == "cifar10, knn_top1, generated data"
    assert tried("ImageNet") == "cifar10, knn_top1, generated data; real data would be: ImageNet"


def test_an_arm_that_is_called_an_ablation_is_a_rival_where_the_claims_file_says_so(board):
    hard = {("ablation/hard", "hard"): [0.90, 0.92, 0.95]}
    assert names(row_of(board(hard), "swav"))[0] == "simclr"
    claims = dataclasses.replace(CLAIMS, rivals=["ablation/hard"])
    found = board(hard, claims=claims)
    row = row_of(found, "swav")
    assert names(row)[0] == "hard"
    assert plain_words(start_text(found, row)) == "swav/cifar10:hard"


def test_totals_are_over_all_reported_numbers_but_anchors_and_over_tried_claims(board):
    anchor = dataclasses.replace(ENTRY, anchor=True)
    found = board(entries=[ENTRY, anchor])
    assert reported_text(found, "swav") == "2 in all: 1 inconclusive; 1 not run"
    text = to_markdown(totals(found))
    assert text == (
        "Of 2 reported numbers: 1 inconclusive; 1 not run.\n\n"
        "Nobody has run, by paper: swav 1.\n\n"
        "Of 1 headlines tried on real data: 1 holds.\n\n"
        "Of 1 claims tried on real data: 1 holds.\n\nOf the other claims: 1 not tested here.\n"
    )


def page(board):
    return to_markdown(paper_page(board, "swav", "LEADERBOARD.md"))


def test_a_papers_page_opens_with_its_claims(board):
    text = page(board())
    claims = text[text.index("## What swav claims") : text.index("## Reported numbers")]
    assert (
        "| Soft codes help. | `method` ahead of `ablation/hard` | `swav/cifar10`, knn_top1 "
        "| real | +0.297 (± 0.014), 3 seeds | 0.05 | holds |"
    ) in claims
    assert "- It transfers. It needs many devices." in claims
    small = dataclasses.replace(CLAIM, comparison=dataclasses.replace(COMPARISON, matters=0.29))
    text = page(board(claims=PaperClaims(claims=[small])))
    assert "| holds; perhaps by less than what matters |" in text
    assert "- The rate was chosen on *test* images." in claims


def test_one_table_sets_all_arms_beside_the_method(board):
    text = page(board())
    assert text.index("| `cifar10` | method |") < text.index("| `cifar10:hard` | ablation/hard |")
    assert "| knn_top1 | 0.5233 ± 0.0208 | -0.2967 (± 0.0143) | 3 |" in text
    assert "| `cifar10` | *untrained* | cifar10 | knn_top1 | 0.4000 ± 0.0000 | -0.4200" in text
    assert "| sees labels that the method does not |" in text
    assert "results/swav/" not in text, "links to runs are on the HTML page"


def test_a_rival_of_a_changed_recipe_stands_beside_the_method_of_the_recipe(board, make_record):
    longer = {
        "arm": "baseline/simclr",
        "variant": "simclr",
        "scaled": True,
        "scaled_reason": "the recipe was changed: trainer.epochs",
        "config": {"trainer": {"epochs": 4}},
        "config_hash": "longer",
    }
    more = [
        make_record(seed=seed, run_id=f"longer{seed}", metrics={KNN: value}, **longer)
        for seed, value in enumerate([0.90, 0.92, 0.94])
    ]
    found = board(more=more)
    (line,) = [one for one in page(found).splitlines() if "trainer.epochs=4" in one]
    assert "| 0.9200 ± 0.0200 | +0.1000 (± 0.0000) | 3 | the recipe was changed" in line
    assert names(row_of(found, "swav"))[0] == "simclr", "the front page has those of the recipe"
    assert row_of(found, "swav").rival.values.mean == pytest.approx(0.7233, abs=1e-4)


def test_an_ablation_stands_beside_the_setting_of_the_method_that_shares_its_seeds(
    board, make_record
):
    method = {"arm": "method", "variant": "aab"}
    late = [
        make_record(
            **method,
            seed=seed,
            run_id=f"late{seed}",
            metrics={KNN: 0.9 + seed / 100},
            references={"raw": {KNN: 0.7}},
        )
        for seed in (7, 8)
    ]
    arms = {"swav/cifar10": {"method": [("aab",), (None, "cpu")]}}
    found = dataclasses.replace(board(more=late), arms=arms)
    text = page(found)
    assert text.index("| `cifar10:aab` | method |") < text.index("| `cifar10` | method |")
    assert "| knn_top1 | 0.5233 ± 0.0208 | -0.2967 (± 0.0143) | 3 |" in text
    # A reference has the mean, the seeds and the differences of one setting.
    assert "| *raw* | cifar10 | knn_top1 | 0.7000 ± 0.0000 | -0.2750 (± 0.0635) | 2 |" in text
    assert names(row_of(found, "swav")) == ["simclr", "raw", "hard"]


@pytest.mark.parametrize(
    ("values", "missing"), [([], 2), ([0.78, 0.82, 0.80], 1), ([0.78, 0.82], 2), ([0.7] * 3, 2)]
)
def test_numbers_that_records_of_the_official_code_do_not_give_are_counted(
    board, make_record, values, missing
):
    official = {"origin": "official", "command": "python main.py", "changes": "CPU alone"}
    records = [
        make_record(run_id=f"o{seed}", seed=seed, metrics={KNN: value}, **official)
        for seed, value in enumerate(values)
    ]
    entry = dataclasses.replace(ENTRY, origin=OFFICIAL)
    text = page(board(entries=[entry], more=records))
    assert f"Of the numbers of the official code, {missing} come from runs" in text
    row = f"`python main.py`; changes: CPU alone | knn_top1 {values[0]:.4f} |" if values else ""
    assert row in text


def test_nothing_is_said_where_records_give_all_numbers_of_the_official_code(board, make_record):
    known = {KNN: ReportedNumber(value=0.8, margin=0.05)}
    entry = dataclasses.replace(ENTRY, origin=OFFICIAL, metrics=known)
    official = {"origin": "official", "command": "python main.py", "changes": "CPU alone"}
    record = make_record(run_id="o", metrics={KNN: 0.8004}, **official)
    assert "left no record" not in page(board(entries=[entry], more=[record]))
