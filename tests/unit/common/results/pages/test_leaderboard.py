import dataclasses

import pytest

from common.errors import LikewiseError
from common.results.groups import Code
from common.results.leaderboard import make_leaderboard, read_leaderboard
from common.results.pages.arms import arms_side_by_side
from common.results.pages.document import to_markdown
from common.results.pages.leaderboard import leaderboard_page
from common.results.pages.paper import paper_page
from common.results.pages.write import (
    check_pages,
    first_difference,
    results_path,
    stale_files,
    unexplained,
    write_pages,
)
from common.results.record import NO_NUMBER, commit_record
from common.results.reported import ReportedNumber
from common.results.statistics import Sample
from common.results.verdicts import judge_trained
from tests.samples import ENTRY, KNN

CODE = Code(
    digests={"swav": "e" * 12},
    config_hashes={"swav/cifar10": "c" * 10, "swav/cifar10:hard": "c" * 10},
)


# Ours is above it.
BELOW = ReportedNumber(value=0.5, margin=0.05)


@pytest.fixture
def board(make_record):
    runs = [
        make_record(
            seed=seed,
            metrics={KNN: value},
            references={"untrained": {KNN: 0.40 + seed / 100}},
            wandb="me/likewise/abc" if seed == 0 else None,
            dirty=seed == 2,
        )
        for seed, value in enumerate([0.80, 0.82, 0.84])
    ]
    hard = make_record(
        variant="hard",
        arm="ablation/hard",
        metrics={KNN: 0.5},
        run_id="h",
        scaled=True,
        scaled_reason=NO_NUMBER,
    )
    return make_leaderboard([ENTRY], [*runs, hard], CODE, titles={"swav": "SwAV (NeurIPS 2020)"})


def page_of(board):
    """All that is shown of SwAV."""
    blocks = [
        *paper_page(board, "swav", "LEADERBOARD.md", whole=True),
        *arms_side_by_side(board, "swav"),
    ]
    return to_markdown(blocks)


def line_with(text, *parts):
    lines = [line for line in text.splitlines() if all(part in line for part in parts)]
    assert len(lines) == 1, lines
    return lines[0]


def test_a_row_says_all_that_is_known_of_a_number_and_its_setting_the_runs(board):
    text = page_of(board)
    # By hand: gap 0.82 - 0.80; half-width t(4) * 0.02 * sqrt(2 / 3) = 2.776 * 0.01633 = 0.0453.
    assert line_with(text, "| paper, *unverified* [1] |", "knn_top1") == (
        "| knn_top1 | 0.8000 ± 0.0200 (3 runs) | paper, *unverified* [1] | 0.8200 ± 0.0200 "
        "| +0.0200 (± 0.0453) | inconclusive: more seeds alone would not tell |"
    )
    assert line_with(text, "results/swav/cifar10-s0-260101-000000-0000.json") == (
        "`swav/cifar10` on cifar10: 3 seeds [s0](results/swav/cifar10-s0-260101-000000-0000.json) "
        "([W&B](https://wandb.ai/me/likewise/runs/abc)) "
        "[s1](results/swav/cifar10-s1-260101-000000-0001.json) "
        "[s2](results/swav/cifar10-s2-260101-000000-0002.json), commit `fffffff` `fffffff`+"
    )
    assert "1. paper, Table 1, *unverified*; protocol knn; read from a figure" in text


def test_two_sources_of_one_setting_share_its_table(board):
    records = [record for group in board.groups for record in group.records]
    other = dataclasses.replace(ENTRY, origin="third party", source="https://example.org")
    text = page_of(make_leaderboard([ENTRY, other], records, CODE))
    assert text.count("`swav/cifar10` on cifar10: 3 seeds") == 1
    assert "| third party, *unverified* [2] |" in line_with(text, "knn_top1", "[2]")


def missed(board, text, reference=BELOW, **others):
    """The board with a reported number that ours is above, and what is said of it."""
    records = [record for group in board.groups for record in group.records]
    metrics = {KNN: reference, **{f"test/{key}": value for key, value in others.items()}}
    entry = dataclasses.replace(ENTRY, metrics=metrics, checks={KNN: text} if text else {})
    return make_leaderboard([entry], records, CODE)


def test_what_was_checked_stands_below_what_misses_its_margin(board):
    text = page_of(missed(board, "The data are\n  the same; the seed was not checked."))
    assert line_with(text, "The data") == (
        "- `swav/cifar10` on cifar10, paper, *unverified* [1], knn_top1: The data are the same; "
        "the seed was not checked."
    )
    assert unexplained(missed(board, "Seen.").rows) == []
    assert unexplained(missed(board, None).rows) == ["swav/cifar10 (method), paper: knn_top1 above"]
    # Nothing is asked of a mean within the margin.
    assert unexplained(board.rows) == [] and "Checked where" not in page_of(board)


def test_a_text_on_one_metric_is_none_on_another_of_its_entry(make_record):
    runs = [make_record(seed=seed, metrics={KNN: 0.8, "test/top5": 0.9}) for seed in range(3)]
    board = missed(make_leaderboard([], runs, CODE), "Of the nearest one.", top5=BELOW)
    assert unexplained(board.rows) == ["swav/cifar10 (method), paper: top5 above"]
    entry = dataclasses.replace(
        board.entries[0], checks={KNN: "Of both.", "test/top5": "Of both.", "test/x": "Of none."}
    )
    text = page_of(make_leaderboard([entry], runs, CODE))
    assert "[1], knn_top1, top5: Of both.\n" in text and "Of none." not in text


@pytest.mark.parametrize(("margin", "asked"), [(0.01, True), (0.04, False)])
def test_a_mean_off_by_more_than_the_margin_within_its_interval_needs_a_word(board, margin, asked):
    # Ours is 0.82: off by 0.03, and either margin is narrower than the interval.
    wide = ReportedNumber(value=0.79, spread=0.05, n=3, margin=margin)
    (row,) = missed(board, None, wide).rows
    assert row.verdict.status == "inconclusive"
    assert bool(unexplained([row])) == asked
    text = page_of(missed(board, "One seed of three stops early.", wide))
    assert ("One seed of three stops early." in text) == asked
    # So does one seed, which has no interval.
    verdict = judge_trained(Sample(0.82, None, 1), wide, None)
    assert verdict.status == "inconclusive" and verdict.half_width is None
    assert bool(unexplained([dataclasses.replace(row, verdict=verdict)])) == asked


def test_arms_stand_beside_the_method_and_the_untrained_encoder(board):
    text = page_of(board)
    section = text[text.index("### swav on cifar10 (`dddddddd`): knn") :]
    rows = [line.split(" | ")[:4] for line in section.splitlines() if line.startswith("| ")][2:]
    assert rows == [
        ["| method", "`cifar10`", "2", "0.8200 ± 0.0200"],
        ["| ablation/hard", "`cifar10:hard`", "2", "0.5000"],
        ["| *untrained*", "-", "-", "0.4100 ± 0.0100"],
    ]
    assert line_with(section, "| method").endswith(
        "| 3 seeds | compared above | see above | see above |"
    )
    assert "| 1 seed | scaled | [s0](results/swav/" in line_with(section, "ablation/hard")


def test_the_text_does_not_depend_on_the_order_of_the_records(board):
    records = [record for group in board.groups for record in group.records]
    again = make_leaderboard(board.entries, reversed(records), CODE, titles=board.titles)
    assert page_of(again) == page_of(board)


def test_a_stale_group_says_why(board):
    records = [record for group in board.groups for record in group.records]
    text = page_of(make_leaderboard(board.entries, records, Code(digests={"swav": "0" * 12})))
    assert "| not checked (inconclusive: more seeds alone would not tell) |" in text
    assert "not checked (compared above)" in text


def test_an_empty_board_is_a_page_too():
    empty = make_leaderboard([], [], Code())
    assert "No runs yet." in to_markdown(leaderboard_page(empty, results_path))
    for text in ("No claim", "No number is known.", "No runs yet.", "No learning curves yet."):
        assert text in page_of(empty)


@pytest.fixture
def root(tmp_path, make_record):
    (tmp_path / "papers" / "swav").mkdir(parents=True)
    (tmp_path / "common").mkdir()
    curves = {"val/knn_top1": [[20, 0.8]]}
    record = make_record(scaled=True, scaled_reason="by hand", curves=curves)
    commit_record(record, tmp_path / "results")
    return tmp_path


def test_a_written_board_is_fresh_and_an_edited_one_is_not(root):
    with pytest.raises(LikewiseError, match=r"LEADERBOARD\.md, line 1"):
        check_pages(root)
    written = [
        path.relative_to(root).as_posix() for path in write_pages(root, read_leaderboard(root))
    ]
    assert written == ["LEADERBOARD.md", "papers/swav/RESULTS.md", "docs/images/headlines.svg"]
    check_pages(root)
    assert write_pages(root, read_leaderboard(root)) == []
    for name in ("LEADERBOARD.md", "papers/swav/RESULTS.md"):
        path = root / name
        path.write_text(path.read_text().replace("0.8000", "0.9000").replace("swav](", "SwAV]("))
    with pytest.raises(LikewiseError) as error:
        check_pages(root)
    # Each file from the root, what it says and should say, and the command that mends them.
    first, *files = str(error.value).splitlines()
    assert "papers leaderboard" in first
    names = [line.split(",")[0].strip() for line in files]
    assert names == ["LEADERBOARD.md", "papers/swav/RESULTS.md"]
    assert all(len(line) < 300 for line in files)
    assert "0.8000" in files[1] and "0.9000" in files[1]


@pytest.mark.parametrize(
    ("old", "new", "line", "is_", "should_be"),
    [
        ("a\nb\n", "a\nc\n", 2, "b", "c"),
        ("a\n", "a\nb\n", 2, "", "b"),
        ("a", "a\n", 2, "(end of file)", ""),
        ("abc\n", "ab\n", 1, "abc", "ab"),
        ("x" * 300 + "1", "x" * 300 + "2", 1, f"...{'x' * 20}1", f"...{'x' * 20}2"),
        ("1" + "x" * 300, "2", 1, f"1{'x' * 59}...", "2"),
    ],
)
def test_the_first_difference_is_shown_and_not_the_whole_of_long_lines(
    old, new, line, is_, should_be
):
    text = first_difference(old, new)
    assert text.startswith(f"line {line}:")
    assert text.index(f"'{is_}'") < text.rindex(f"'{should_be}'")


def test_checking_names_what_misses_without_a_word_of_what_was_checked(root, monkeypatch):
    write_pages(root, read_leaderboard(root))
    monkeypatch.setattr("common.results.pages.write.unexplained", lambda rows: ["swav/cifar10: x"])
    with pytest.raises(LikewiseError, match=r"`checks`(.|\n)*swav/cifar10: x"):
        check_pages(root)


def test_a_new_record_makes_the_board_stale(root, make_record):
    write_pages(root, read_leaderboard(root))
    commit_record(make_record(seed=1, scaled=True, scaled_reason="by hand"), root / "results")
    assert [path.name for path in stale_files(root, read_leaderboard(root))] == ["RESULTS.md"]


def test_numbers_not_run_yet_are_folded_away(board):
    text = page_of(board)
    folded = text[text.index("<details><summary>1 reported number not run yet") :]
    assert "top5" in folded[: folded.index("</details>")]
    assert "knn_top1 | 0.8000" not in folded[: folded.index("</details>")]
