"""Arms of all papers on one data set: which stand together, and what the page says of them."""

from dataclasses import replace

import pytest

from common.data.modality import Screen
from common.results.claims import PaperClaims
from common.results.groups import Code
from common.results.leaderboard import make_leaderboard, read_leaderboard
from common.results.pages.by_modality import advice, by_modality, where_to_start
from common.results.pages.document import plain_words, to_markdown
from common.results.screens import measured, measured_again, screens

METRIC = "test/linear_top1"
SCREEN = Screen("cifar10-jpeg", "linear", METRIC)
ERRORS = Screen("cifar10-jpeg", "linear", "test/mse")
HASHES = {
    f"{paper}/cifar10{variant}": "c" * 10
    for paper in ("swav", "amcl", "hydra")
    for variant in ("", *(f":{name}" for name in ("simclr", "moco", "x", "supervised")))
}
CODE = Code(digests=dict.fromkeys(("swav", "amcl", "hydra"), "e" * 12), config_hashes=HASHES)


def config(seed, arm, lr=0.1, steps=50, views=0.5):
    return {
        **{part: {} for part in ("baseline", "trainer", "method")},
        "arm": arm,
        "seed": seed,
        "data": {"views": [{"blur": views}]},
        "optimizer": {"lr": lr},
        "evaluation": {"linear": {"epochs": steps}, "knn": {"k": seed}},
    }


@pytest.fixture
def arm(make_record):
    """Three runs of an arm whose values are around a mean."""

    def make(paper, mean, arm="method", variant=None, settings=None, **changes):
        records = []
        for seed, step in enumerate((-0.1, 0.0, 0.1)):
            values = {
                "data": "cifar10-jpeg",
                "protocol": "knn+linear",
                "metrics": {METRIC: mean + step, "test/mse": mean + step},
                "references": {},
                "batches": 100,
                "run_id": f"{paper}-{arm.split('/')[-1]}-{seed}",
                "config": config(seed, arm, **(settings or {})),
            }
            values |= {"paper": paper, "arm": arm, "variant": variant, "seed": seed, **changes}
            records.append(make_record(**values))
        return records

    return make


def tables(*arms, screen=SCREEN, **read):
    return measured(
        make_leaderboard([], [one for runs in arms for one in runs], CODE, **read), screen
    )


def settings_of(table):
    return [[line.group.latest.reference for line in lines] for lines in table.budgets]


def said(*arms, screen=SCREEN, **read):
    board = make_leaderboard([], [one for runs in arms for one in runs], CODE, **read)
    (table,) = measured(board, screen)
    return plain_words(advice(board, table))


def test_arms_of_all_papers_stand_by_budget_and_the_best_first(arm):
    rivals = (
        arm("swav", 50),
        arm("amcl", 60),
        arm("amcl", 55, "baseline/simclr", "simclr", batches=101),
        arm("hydra", 70, batches=200),
    )
    (table,) = tables(*rivals)
    assert settings_of(table) == [
        ["hydra/cifar10"],
        ["amcl/cifar10", "amcl/cifar10:simclr", "swav/cifar10"],
    ]
    (table,) = tables(*rivals, screen=ERRORS)
    assert settings_of(table)[1] == ["swav/cifar10", "amcl/cifar10:simclr", "amcl/cifar10"]


@pytest.mark.parametrize(
    "changes",
    [{"data_hash": "f" * 64}, {"settings": {"steps": 51}}, {"selection": "best val/knn_top1"}],
    ids=str,
)
def test_arms_that_were_measured_otherwise_never_share_a_table(arm, changes):
    assert len(tables(arm("swav", 50), arm("amcl", 60))) == 1
    assert len(tables(arm("swav", 50), arm("amcl", 60, **changes))) == 2


@pytest.mark.parametrize(
    "changes",
    [{"protocol": "knn"}, {"data": "cifar10"}, {"weights": "published"}, {"batches": 0}],
    ids=str,
)
def test_what_was_not_trained_and_measured_there_has_no_line(arm, changes):
    assert tables(arm("swav", 50, **changes)) == []


def test_an_ablation_has_a_line_where_its_mean_is_ahead_of_its_method(arm):
    def ablation(mean):
        return tables(arm("swav", 50), arm("swav", mean, "ablation/x", "x"))[0].lines

    assert len(ablation(51)) == 2
    assert len(ablation(49)) == 1


def test_the_best_is_named_with_what_is_not_clearly_behind_and_only_within_a_budget(arm):
    near, far = arm("amcl", 60.05), arm("hydra", 90, batches=200)
    text = said(arm("swav", 60), near, far, arm("amcl", 50, "baseline/moco", "moco"))
    assert "amcl/cifar10 has the best mean" in text and "swav/cifar10 is not clearly behind" in text
    assert "hydra" not in text and "1 more had other budgets" in text
    text = said(arm("swav", 62), near)
    # By hand: Welch's t(4) * 0.1 * sqrt(2 / 3) = 2.776 * 0.0816 = 0.23.
    assert "swav/cifar10 is best" in text and "by 1.95 (± 0.23) ahead of amcl/cifar10" in text


def test_advice_is_of_the_budget_of_most_papers_and_not_of_most_arms(arm):
    many = [arm("hydra", 70 + i, f"ablation/{n}", n, batches=200) for i, n in enumerate("xy")]
    text = said(arm("swav", 50), arm("amcl", 60), arm("hydra", 65, batches=200), *many)
    assert "amcl/cifar10 is best" in text and "hydra" not in text


def test_a_screen_may_take_a_recipe_for_a_budget(arm):
    runs = arm("swav", 50), arm("swav", 60, "baseline/simclr", "simclr", batches=200)
    screen = replace(SCREEN, by_recipe=True)
    assert settings_of(tables(*runs)[0]) == [["swav/cifar10:simclr"], ["swav/cifar10"]]
    assert settings_of(tables(*runs, arm("amcl", 55), screen=screen)[0]) == [
        ["swav/cifar10:simclr", "swav/cifar10"],
        ["amcl/cifar10"],
    ]
    assert "budget of its own" not in said(*runs, screen=screen)


def test_arms_with_labels_are_no_rivals_of_those_without(arm):
    supervised = arm("swav", 90, "baseline/supervised", "supervised")
    claims = {"swav": PaperClaims(claims=[], more_labels=["baseline/supervised"])}
    text = said(arm("swav", 50), supervised, arm("hydra", 80), claims=claims)
    without, with_labels = text.split(". ")[:2]
    assert "without labels, swav/cifar10 is the only arm" in without
    assert "with labels, swav/cifar10:supervised is best" in with_labels
    assert "hydra/cifar10" in with_labels


def test_what_may_not_hold_now_is_shown_and_gives_no_advice(arm):
    runs = (arm("swav", 50), arm("amcl", 40), arm("amcl", 90, "baseline/moco", "moco"))
    stale = arm("amcl", 90, "baseline/moco", "moco", code_digest="0" * 12)
    assert "amcl/cifar10:moco is best" in said(*runs)
    text = said(*runs[:2], stale)
    assert "swav/cifar10 is best" in text and "1 more may not hold" in text
    assert len(tables(*runs[:2], stale)[0].lines) == 3


@pytest.mark.parametrize(
    ("value", "words"),
    [(30.0, "has 30.00 ± 0.00."), (49.95, "not clearly behind"), (70.0, "is clearly ahead")],
)
def test_the_best_of_what_learns_nothing_stands_beside_the_advice(arm, value, words):
    references = {"untrained": {METRIC: value}, "raw": {METRIC: 1.0}}
    text = said(arm("swav", 50, references=references))
    assert "untrained, which learns nothing" in text and words in text and "raw" not in text


def test_an_arm_that_two_papers_trained_is_told_with_the_settings_that_differ(arm):
    ours = arm("swav", 50, "baseline/simclr", "simclr", {"lr": 0.1})
    theirs = arm("amcl", 48, "baseline/simclr", "simclr", {"lr": 0.3, "views": 0.2})
    (table,) = tables(ours, theirs)
    assert [len(lines) for lines in measured_again(table)] == [2]
    page = to_markdown(by_modality(make_leaderboard([], [*ours, *theirs], CODE)))
    (line,) = [one for one in page.splitlines() if "they differ in" in one]
    assert "`swav/cifar10:simclr` 50.00 ± 0.10, `amcl/cifar10:simclr` 48.00 ± 0.10" in line
    assert "`data.views.0.blur` (0.5, 0.2), `optimizer.lr` (0.1, 0.3)." in line
    again = arm("amcl", 48, "baseline/simclr", "simclr", {"lr": 0.1})
    assert "the settings are the same" in to_markdown(
        by_modality(make_leaderboard([], [*ours, *again], CODE))
    )


def test_an_arm_of_few_seeds_is_no_advice_on_where_to_start(arm):
    runs = [*arm("swav", 50), *arm("amcl", 60)[:2]]
    row = to_markdown(where_to_start(make_leaderboard([], runs, CODE), "page")).splitlines()[-1]
    assert "`swav/cifar10`" in row and "amcl" not in row
    row = to_markdown(where_to_start(make_leaderboard([], runs[3:], CODE), "page"))
    assert "`amcl/cifar10`" in row.splitlines()[-1]


def test_without_records_of_a_screen_nothing_is_said(make_record):
    board = make_leaderboard([], [make_record()], CODE)
    assert [*by_modality(board), *where_to_start(board, "page")] == []


def test_each_modality_with_records_has_a_screen_that_shows_a_method():
    board = read_leaderboard()
    for _, screen in screens():
        (table, *_) = measured(board, screen)
        assert any(line.group.latest.arm == "method" for line in table.lines)
