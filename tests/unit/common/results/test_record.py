import json
import math

import pytest

from common.errors import LikewiseError
from common.results.record import (
    CONFIG_PARTS,
    RecordError,
    commit_record,
    load_records,
    read_record,
    write_record,
)

OFFICIAL = {"origin": "official", "command": "python main.py", "changes": "none"}
CONFIG = {
    **dict.fromkeys(CONFIG_PARTS),
    "arm": "method",
    "seed": 0,
    "data": {"views": [{"size": 20}], "name": "größe", "holdout": 0.1},
}


def test_a_record_survives_the_way_through_its_file(make_record, tmp_path):
    record = make_record(variant="long", wandb="me/likewise/1")
    assert read_record(write_record(record, tmp_path)) == record


def test_curves_survive_it_a_line_each(make_record, tmp_path):
    curves = {"val/knn_top1": [[40, 0.5]], "train/loss": [[40, 4.0], [80, 3.25]]}
    record = make_record(curves=curves)
    path = write_record(record, tmp_path)
    assert read_record(path) == record
    assert '\n    "train/loss": [[40, 4.0], [80, 3.25]],\n' in path.read_text()


def test_its_configuration_survives_it_a_line_a_section(make_record, tmp_path):
    record = make_record(config=CONFIG, curves={"train/loss": [[40, 4.0]]}, steps="a1")
    path = write_record(record, tmp_path)
    assert read_record(path) == record
    lines = path.read_text().splitlines()
    assert '    "data": {"holdout": 0.1, "name": "größe", "views": [{"size": 20}]},' in lines


def test_a_record_from_before_curves_is_read_and_written_as_it_was(make_record, tmp_path):
    path = write_record(make_record(), tmp_path)
    assert not {"config", "curves"} & set(json.loads(path.read_text()))
    assert (read_record(path).curves, read_record(path).config) == ({}, None)


def test_a_metric_that_is_not_a_number_is_written_as_null(make_record, tmp_path):
    record = make_record(metrics={"test/a": math.nan}, references={"raw": {"test/a": math.inf}})
    again = read_record(write_record(record, tmp_path))
    assert again.metrics == {"test/a": None}
    assert again.references == {"raw": {"test/a": None}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "running"}, "status: a record is written when the run is complete"),
        ({"arm": "ablations/x"}, "arm: must be method"),
        ({"weights": "mine"}, "weights: must be trained or published"),
        ({"metrics": {}}, "metrics: a record without metrics"),
        ({"scaled": True}, "scaled_reason: needed when scaled"),
        ({"scaled_reason": "why"}, "scaled_reason: needed when scaled"),
        ({"seed": "0"}, "seed: must be int, got '0'"),
        ({"seed": True}, "seed: must be int, got True"),
        ({"seed": -1}, "seed: must not be negative"),
        ({"metrics": {"test/a": "0.5"}}, "metrics: must be dict"),
        ({"finished": "yesterday"}, "finished: must look like"),
        ({"curves": {"train/loss": [[1, None]]}}, "curves: must be dict"),
        ({"curves": {"train/loss": [[1]]}}, "curves: each point is a batch and a value"),
        ({"config": {"seed": 0}}, "config: its parts must be arm, baseline, data"),
        ({"config": {**CONFIG, "seed": 1}}, "config: its arm and seed must be the record's"),
        ({"origin": "mine"}, "origin: "),
        ({"origin": "official", "changes": "none"}, "command: "),
        ({"origin": "official", "command": "python main.py"}, "changes: "),
        ({**OFFICIAL, "commit": None}, "commit: "),
        ({"command": "python main.py"}, "command: "),
        ({"pilot": True}, "looked_at: "),
        ({"pilot": True, "looked_at": "mine"}, "looked_at: "),
        ({"looked_at": "val"}, "looked_at: "),
        ({"steps": 3}, "steps: must be str | None, got 3"),
        ({"version": 2}, "version: is 2, this code reads 1"),
        ({"sede": 1}, "unknown key 'sede'; did you mean 'seed'"),
    ],
)
def test_a_wrong_field_is_named(make_record, tmp_path, changes, message):
    path = write_record(make_record(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(RecordError, match=r"result\.json: ") as caught:
        read_record(path)
    assert message in str(caught.value)


def test_a_missing_field_is_named(make_record, tmp_path):
    path = write_record(make_record(), tmp_path)
    values = json.loads(path.read_text())
    del values["data_hash"]
    path.write_text(json.dumps(values))
    with pytest.raises(RecordError, match="data_hash: missing"):
        read_record(path)


@pytest.mark.parametrize("cut", [0, 1, 40, 700])
def test_a_half_written_file_is_called_so(make_record, tmp_path, cut):
    path = write_record(make_record(), tmp_path)
    path.write_text(path.read_text()[:cut])
    with pytest.raises(RecordError, match="half-written"):
        read_record(path)


@pytest.mark.parametrize("text", ["[]", "3", '{"loss": 1}'])
def test_another_json_file_is_no_record(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(RecordError, match="no run record"):
        read_record(tmp_path / "result.json")


def test_what_could_not_be_read_is_not_written(make_record, tmp_path):
    with pytest.raises(RecordError, match="status"):
        write_record(make_record(status="running"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_committed_copies_are_named_by_recipe_variant_seed_and_run(make_record, tmp_path):
    first = commit_record(make_record(), tmp_path)
    second = commit_record(make_record(variant="long", seed=3), tmp_path)
    assert first.relative_to(tmp_path).as_posix() == "swav/cifar10-s0-260101-000000-0000.json"
    assert second.name == "cifar10-long-s3-260101-000000-0003.json"
    assert [r.seed for r in load_records(tmp_path)] == [3, 0]


def test_a_record_filed_under_another_paper_is_refused(make_record, tmp_path):
    path = commit_record(make_record(), tmp_path)
    (tmp_path / "meow").mkdir()
    path.rename(tmp_path / "meow" / path.name)
    with pytest.raises(LikewiseError, match="filed under another paper"):
        load_records(tmp_path)


def test_one_broken_file_is_not_left_out_silently(make_record, tmp_path):
    commit_record(make_record(), tmp_path)
    (tmp_path / "swav" / "broken.json").write_text("{")
    with pytest.raises(RecordError, match=r"broken\.json"):
        load_records(tmp_path)


def test_only_a_run_of_ours_that_is_no_pilot_counts(make_record, tmp_path):
    pilot = {"pilot": True, "looked_at": "val"}
    for changes, counts in ({}, True), (OFFICIAL, False), (pilot, False):
        path = write_record(make_record(**changes), tmp_path)
        assert read_record(path) == make_record(**changes) and read_record(path).counts is counts
