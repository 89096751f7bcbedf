import dataclasses

import pytest

from common.errors import LikewiseError
from common.results.board import Code, make_board
from common.results.pages.document import to_markdown
from common.results.pages.leaderboard import END, START, insert_table, readme_table
from common.results.reported import Reference
from tests.samples import ENTRY, KNN

CODE = Code(digests={"swav": "e" * 12}, config_hashes={"swav/cifar10": "c" * 10})


@pytest.fixture
def records(make_record):
    return [
        make_record(
            seed=seed,
            metrics={KNN: value},
            references={"untrained": {KNN: 0.40 + seed / 100}},
        )
        for seed, value in enumerate([0.80, 0.82, 0.84])
    ]


def small_rows(board):
    return to_markdown([readme_table(board)]).splitlines()[2:]


def test_the_small_table_shows_one_line_a_paper_with_counts(records):
    assert small_rows(make_board([ENTRY], records, CODE)) == [
        "| `swav/cifar10`, knn_top1 | 0.8000 ± 0.0200 (3 runs), paper, Table 1, *unverified* "
        "| 0.8200 ± 0.0200 (3 seeds) | reproduced | 1 not run, 1 reproduced |"
    ]


def test_the_small_table_prefers_the_mean_over_horizons(make_record):
    values = {"test/mse@24": 0.1, "test/mae@24": 0.2, "test/mse": 0.3, "test/mae": 0.4}
    metrics = {key: Reference(value=value, margin=0.1) for key, value in values.items()}
    entry = dataclasses.replace(ENTRY, metrics=metrics)
    (row,) = small_rows(make_board([entry], [make_record(metrics=values)], CODE))
    assert row.startswith("| `swav/cifar10`, mse | 0.3000, paper") and "| 4 inconclusive |" in row


def test_the_small_table_sets_a_scaled_method_beside_the_untrained_encoder(records, make_record):
    quick = make_record(recipe="quick", config_hash="a" * 10, run_id="q")
    assert small_rows(make_board([], [quick, *records], CODE)) == [
        "| `swav/cifar10`, knn_top1 | 0.4100 ± 0.0100, untrained encoder "
        "| 0.8200 ± 0.0200 (3 seeds) | scaled | none |"
    ]
    (alone,) = small_rows(make_board([], [quick], CODE))
    assert alone.startswith("| `swav/quick`, knn_top1 |")


def test_the_small_table_prefers_a_probe_of_all_labels_to_one_of_few(make_record):
    metrics = {"test/linear_top1": 50.0, "test/linear_top1@5": 30.0, "test/nn_top1@10": 20.0}
    (row,) = small_rows(make_board([], [make_record(metrics=metrics)], CODE))
    assert ", linear_top1 |" in row


def test_the_small_table_shows_the_metric_that_its_paper_names(make_record):
    record = make_record(paper="owdfa_cpl", metrics={"test/all_acc": 60.0, "test/uncertainty": 9.0})
    (row,) = small_rows(make_board([], [record], CODE))
    assert ", all_acc |" in row


def test_only_the_part_between_the_markers_is_replaced():
    text = f"# Title\n{START}\nold\n{END}\nrest\n"
    assert insert_table(text, "new\n", "README.md") == f"# Title\n{START}\n\nnew\n\n{END}\nrest\n"
    for broken in ("# Title", f"{START}", f"{END}{START}", text + text):
        with pytest.raises(LikewiseError, match=r"README\.md"):
            insert_table(broken, "new", "README.md")
