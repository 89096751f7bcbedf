"""The tables of the HTML page: every arm with every metric."""

import dataclasses

from common.results.groups import Code
from common.results.leaderboard import make_leaderboard
from common.results.pages.arms import arms_side_by_side
from common.results.pages.document import to_markdown
from common.results.reported import ReportedNumber
from tests.samples import ENTRY

CODE = Code(digests={"swav": "e" * 12}, config_hashes={"swav/cifar10": "c" * 10})


def page_of(board):
    return to_markdown(arms_side_by_side(board, "swav"))


def test_of_many_metrics_one_of_each_reported_kind_is_shown_and_the_rest_folded(make_record):
    names = [f"test/{kind}_{share}" for kind in ("auc", "f1", "nmi") for share in (20, 40, 60, 80)]
    values = {name: 10.0 + row for row, name in enumerate(names)}
    untrained = {"untrained": {name: 1.0 for name in names}}
    reported = {name: ReportedNumber(value=1.0, margin=1.0) for name in names if "nmi" not in name}
    records = [make_record(metrics=values, references=untrained)]

    def arms(entries, given=records):
        text = page_of(make_leaderboard(entries, given, CODE))
        return text[text.index("### swav on cifar10 (") :]

    top, folded = arms([dataclasses.replace(ENTRY, metrics=reported)]).split("<details>")
    assert "| arm | recipe | epochs | auc_20 | f1_20 | seeds |" in top
    assert "| *untrained* | - | - | 1.0000 | 1.0000 | 1 seed | reference |" in top
    assert folded.startswith("<summary>10 more metrics</summary>\n\n| recipe | auc_40 |")
    assert "\n| `cifar10` | 11.00 |" in folded and folded.count("</details>") == 1
    assert "| epochs | auc_20 | f1_20 | nmi_20 | seeds |" in arms([])
    few = [make_record(metrics={name: values[name] for name in names[:10]})]
    assert "<details>" not in arms([], few)


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


def test_one_name_in_two_tables_of_the_same_arms_means_one_thing(make_record):
    # So many metrics that some are folded away, into tables of their own.
    metrics = {f"test/{letter}": 1.0 for letter in "abcdefghijklm"} | {"test/heads": 8.0}
    record = make_record(metrics=metrics, curves={"diag/heads": [[1, 9.0]]})
    text = page_of(make_leaderboard([], [record], CODE))
    assert "| diag/heads |" in text and "| test/heads |" in text and "| heads |" not in text
