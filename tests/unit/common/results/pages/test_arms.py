"""The tables of the HTML page: every arm with every metric."""

from common.results.groups import Code
from common.results.leaderboard import make_leaderboard
from common.results.pages.arms import arms_side_by_side
from common.results.pages.document import to_markdown

CODE = Code(digests={"swav": "e" * 12}, config_hashes={"swav/cifar10": "c" * 10})


def page_of(board):
    return to_markdown(arms_side_by_side(board, "swav"))


def test_runs_that_stopped_early_show_their_range_of_epochs(make_record):
    runs = [make_record(seed=seed, epochs=n) for seed, n in enumerate((101, 61, 97))]
    assert "| method | `cifar10` | 61 to 101 |" in page_of(make_leaderboard([], runs, CODE))
    assert "| method | `cifar10` | 61 |" in page_of(make_leaderboard([], runs[1:2], CODE))


def test_a_run_without_metrics_stands_among_the_arms_alone(make_record):
    record = make_record(metrics={}, references={}, protocol="")
    text = page_of(make_leaderboard([], [record], CODE))
    assert "### swav on cifar10 (`dddddddd`): nothing measured" in text
    assert "| method | `cifar10` | 2 | 1 seed |" in text


def test_two_columns_never_have_one_name_and_small_numbers_are_told_from_zero(make_record):
    record = make_record(
        metrics={"test/effective_rank": 40.0},
        curves={"diag/effective_rank": [[1, 8.0]], "diag/tau": [[1, 1e-5]]},
    )
    text = page_of(make_leaderboard([], [record], CODE))
    assert "| test/effective_rank | diag/effective_rank | tau |" in text
    assert "| 40.00 | 8.00 | 1.0e-05 |" in text
