import math
import os
import time

import pytest

from common.errors import DataError, LikewiseError
from common.tracking.metrics_file import HEADER, MetricsFile, read_metrics


def run(folder, first, last):
    """A stand-in for training: a row a batch, a checkpoint every third batch after the rows."""
    metrics = MetricsFile(folder)
    metrics.cut(first)
    for batch in range(first + 1, last + 1):
        values = {"train/loss": math.sin(batch) / 3, "diag/std": 1 / batch, "perf/s": time.time()}
        metrics.write(batch, (batch - 1) // 5, values)
    metrics.write(last, (last - 1) // 5, {"test/knn_top1": 1 / 3, "test/ndcg@10": 0.1 + 0.2})
    metrics.close()


def test_values_read_back_exactly(tmp_path):
    values = {"a/tiny": 5e-324, "a/sum": 0.1 + 0.2, "a/nan": math.nan, "a/inf": -math.inf}
    MetricsFile(tmp_path).write(7, 2, values)
    rows = read_metrics(tmp_path / "metrics.csv")
    assert [row.key for row in rows] == sorted(values)
    for row in rows:
        assert (row.batch, row.epoch) == (7, 2)
        assert row.value == values[row.key] or math.isnan(row.value) == math.isnan(values[row.key])


def test_tensors_are_written_as_the_number_they_hold(tmp_path):
    torch = pytest.importorskip("torch")
    MetricsFile(tmp_path).write(1, 0, {"train/loss": torch.tensor(0.1)})
    assert read_metrics(tmp_path / "metrics.csv")[0].value == torch.tensor(0.1).item()


def test_what_depends_on_the_clock_stays_out_of_metrics(tmp_path):
    MetricsFile(tmp_path).write(1, 0, {"perf/samples_per_s": 12.5, "train/loss": 1.0})
    assert [row.key for row in read_metrics(tmp_path / "metrics.csv")] == ["train/loss"]
    assert [row.key for row in read_metrics(tmp_path / "perf.csv")] == ["perf/samples_per_s"]


def test_each_write_is_in_the_file_at_once(tmp_path):
    metrics = MetricsFile(tmp_path)
    metrics.write(1, 0, {"train/loss": 1.0})
    assert (tmp_path / "metrics.csv").read_bytes() == f"{HEADER}\n1,0,train/loss,1.0\n".encode()


def test_killed_after_any_byte_and_resumed_equals_the_uninterrupted_file(tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    run(whole, 0, 7)
    expected = (whole / "metrics.csv").read_bytes()
    resumed = tmp_path / "resumed"
    resumed.mkdir()
    for length in range(len(expected) + 1):
        (resumed / "metrics.csv").write_bytes(expected[:length])
        # The last checkpoint whose batch was over: every row up to it stands in the file.
        whole_lines = expected[:length].decode().splitlines(keepends=True)[1:]
        seen = [int(line.split(",")[0]) for line in whole_lines if line.endswith("\n")]
        finished = max(seen[-1] - 1, 0) if seen else 0
        run(resumed, finished - finished % 3, 7)
        assert (resumed / "metrics.csv").read_bytes() == expected, length


def test_killed_within_the_evaluation_writes_the_rest_of_it_once(tmp_path):
    run(tmp_path, 0, 6)
    expected = (tmp_path / "metrics.csv").read_bytes()
    for lost in (0, 1, 5, 40):
        (tmp_path / "metrics.csv").write_bytes(expected[: len(expected) - lost])
        run(tmp_path, 6, 6)
        assert (tmp_path / "metrics.csv").read_bytes() == expected


def test_opening_removes_a_torn_line_before_appending(tmp_path):
    (tmp_path / "metrics.csv").write_text(f"{HEADER}\n1,0,train/loss,1.0\n2,0,train/lo")
    MetricsFile(tmp_path).write(2, 0, {"train/loss": 0.5})
    rows = read_metrics(tmp_path / "metrics.csv")
    assert [(row.batch, row.value) for row in rows] == [(1, 1.0), (2, 0.5)]


def test_a_number_cut_short_is_not_taken_for_a_smaller_one(tmp_path):
    (tmp_path / "metrics.csv").write_text(f"{HEADER}\n1,0,train/loss,12")
    assert read_metrics(tmp_path / "metrics.csv") == []


def test_cut_also_goes_back_in_perf(tmp_path):
    run(tmp_path, 0, 6)
    MetricsFile(tmp_path).cut(4)
    assert max(row.batch for row in read_metrics(tmp_path / "perf.csv")) == 4


def test_a_foreign_file_and_a_damaged_line_are_named(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1,2\n")
    with pytest.raises(DataError, match="no file of ours"):
        MetricsFile(tmp_path).cut(1)
    path.write_text(f"{HEADER}\n1,0,train/loss,1.0\nedited by hand\n")
    with pytest.raises(DataError, match=r"metrics\.csv:3"):
        read_metrics(path)
    with pytest.raises(DataError, match="no such file"):
        read_metrics(tmp_path / "absent.csv")


@pytest.mark.parametrize("key", ["a,b", 'a"b', "a b", "a\nb", ""])
def test_a_key_that_would_break_the_file_is_refused(tmp_path, key):
    with pytest.raises(ValueError, match="metric key"):
        MetricsFile(tmp_path).write(1, 0, {key: 1.0})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_is_an_error_in_our_words(tmp_path):
    metrics = MetricsFile(tmp_path)
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").symlink_to("/dev/full")
    with pytest.raises(LikewiseError, match=r"metrics\.csv"):
        metrics.write(1, 0, {"train/loss": 1.0})


@pytest.mark.parametrize("by_another", [False, True])
@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_file_that_is_taken_away_while_it_is_written_is_missed(tmp_path, call, by_another):
    files = MetricsFile(tmp_path)
    files.write(1, 0, {"train/loss": 1.0})
    os.remove(tmp_path / "metrics.csv")
    if by_another:
        (tmp_path / "metrics.csv").write_text(HEADER)
    with pytest.raises(LikewiseError, match="metrics\\.csv: is gone or another file"):
        files.sync() if call == "sync" else files.write(2, 0, {"train/loss": 0.5})


def test_a_folder_that_cannot_be_made_is_an_error_in_our_words(tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(LikewiseError, match=r"metrics\.csv"):
        MetricsFile(tmp_path / "taken")


def test_a_write_costs_well_under_a_millisecond(tmp_path):
    metrics = MetricsFile(tmp_path)
    values = {f"diag/key{number}": number / 7 for number in range(10)}
    started = time.perf_counter()
    for batch in range(500):
        metrics.write(batch, 0, values)
    assert (time.perf_counter() - started) / 500 < 1e-3
