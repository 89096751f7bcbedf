from dataclasses import replace
from functools import cache

import pytest

from common.config import references
from common.config.recipe import load_recipe
from common.config.yaml_io import read_yaml
from common.results import leaderboard as board
from common.results.groups import Code, group_records
from common.results.leaderboard import make_leaderboard, make_rows
from common.results.ledger import Check, Ledger
from common.results.record import NO_NUMBER, RecordError
from common.results.reported import ReportedNumber
from tests.samples import ENTRY, KNN

NOW = Code(digests={"swav": "e" * 12}, config_hashes={"swav/cifar10": "c" * 10})
# A recipe, variants of it, one of another method's schema, and another paper's.
WRITTEN = ["swav/quick", "swav/quick:hard-codes", "swav/quick:simclr", "mclrec/quick:joint"]


def entry(**changes):
    number = {KNN: ReportedNumber(value=0.80, margin=0.05)}
    return replace(ENTRY, **{"verified": True, "note": None, "metrics": number, **changes})


def seeds(make_record, values, **changes):
    return [make_record(seed=s, metrics={KNN: v}, **changes) for s, v in enumerate(values)]


def rows(entries, records, code=NOW):
    return make_rows(entries, group_records(records, code))


def test_three_seeds_make_one_row_with_their_mean_and_spread(make_record):
    (row,) = rows([entry()], seeds(make_record, [0.80, 0.82, 0.84]))
    assert row.status == "inconclusive"
    assert (row.ours.mean, row.ours.spread, row.ours.n) == (
        pytest.approx(0.82),
        pytest.approx(0.02),
        3,
    )


def test_the_latest_record_of_a_seed_counts_once(make_record):
    records = seeds(make_record, [0.80, 0.82, 0.84])
    later = make_record(seed=2, run_id="b", metrics={KNN: 0.99}, finished="2026-01-02T00:00:00Z")
    earlier = make_record(seed=2, run_id="a", metrics={KNN: 0.01}, finished="2025-12-31T00:00:00Z")
    (row,) = rows([entry()], [later, earlier, *records])
    assert row.ours.n == 3
    assert row.ours.mean == pytest.approx((0.80 + 0.82 + 0.99) / 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"arm": "ablation/x"},
        {"data_hash": "0" * 16},
        {"protocol": "knn+linear"},
        {"config_hash": "0" * 10},
        {"weights": "published"},
    ],
)
def test_runs_of_another_setting_are_not_averaged_in(make_record, changes):
    other = make_record(seed=3, **changes)
    code = Code(digests=NOW.digests, config_hashes={"swav/cifar10": other.config_hash})
    groups = group_records([make_record(), other], code)
    assert max(len(group.records) for group in groups) == 1


def test_a_protocol_among_several_is_found(make_record):
    (row,) = rows([entry()], [make_record(protocol="linear+knn")])
    assert row.status == "inconclusive"


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": "other"},
        {"variant": "long"},
        {"arm": "baseline/simclr"},
        {"data": "cifar100"},
        {"protocol": "linear"},
        {"weights": "published"},
        {"data_hash": "0" * 16},
        {"metrics": {"test/other": ReportedNumber(value=1.0, margin=1.0)}},
    ],
)
def test_a_number_of_another_setting_stays_not_run(make_record, changes):
    (row,) = rows([entry(**changes)], [make_record()])
    assert (row.status, row.ours) == ("not run", None)


def test_a_run_changed_by_hand_is_never_compared(make_record):
    record = make_record(scaled=True, scaled_reason="the recipe was changed: trainer.epochs")
    groups = group_records([record], NOW)
    assert make_rows([entry()], groups)[0].status == "not run"
    assert make_leaderboard([entry()], [record], NOW).uncompared() == groups


def test_a_remark_gives_the_values_of_changed_keys_where_they_are_known(make_record):
    reason = "the recipe was changed: baseline, trainer.epochs; looked at twice"
    config = {"trainer": {"epochs": 7, "precision": "32-true"}}
    (group,) = group_records([make_record(scaled=True, scaled_reason=reason, config=config)], NOW)
    said = "the recipe was changed: baseline, trainer.epochs=7; looked at twice"
    assert group.scaled_remark == said
    assert group.changes == ["baseline", "trainer.epochs=7"]
    (older,) = group_records([make_record(scaled=True, scaled_reason=reason, config=None)], NOW)
    assert older.scaled_remark == reason
    (ours,) = group_records([make_record(scaled=True, scaled_reason=NO_NUMBER)], NOW)
    assert ours.scaled_remark is None


def test_a_number_reported_later_is_compared_with_runs_made_before(make_record):
    record = make_record(scaled=True, scaled_reason=NO_NUMBER)
    assert rows([entry()], [record])[0].status == "inconclusive"
    assert make_leaderboard([], [record], NOW).uncompared() != []


def test_published_weights_are_exact_with_one_run(make_record):
    number = entry(weights="published", metrics={KNN: ReportedNumber(value=0.80, margin=5e-5)})
    assert rows([number], seeds(make_record, [0.80004], weights="published"))[0].status == "exact"
    assert rows([number], seeds(make_record, [0.8001], weights="published"))[0].status == "above"


@pytest.mark.parametrize(
    ("untrained", "status"),
    [
        ([0.40, 0.41, 0.42], "reproduced"),
        ([0.82, 0.80, 0.78], "agrees, not telling"),
        ([0.40, 0.41], "agrees, control not run"),
        ([], "agrees, control not run"),
    ],
)
def test_agreement_is_held_against_the_untrained_encoder_of_the_same_seeds(
    make_record, untrained, status
):
    records = [replace(one, references={}) for one in seeds(make_record, [0.81, 0.80, 0.79])]
    for seed, value in enumerate(untrained):
        records[seed] = replace(records[seed], references={"untrained": {KNN: value}})
    assert rows([entry()], records)[0].status == status


@pytest.mark.parametrize(
    "changes",
    [
        {"pilot": True, "looked_at": "test"},
        {"origin": "official", "command": "python main.py", "changes": "none"},
    ],
)
def test_pilots_and_runs_of_the_official_code_are_compared_with_nothing(make_record, changes):
    board = make_leaderboard([entry()], [make_record(**changes)], NOW)
    assert board.groups == () and len(board.aside) == 1 and board.rows[0].status == "not run"


def test_a_metric_undefined_in_one_seed_is_not_averaged_over_the_others(make_record):
    (row,) = rows([entry()], seeds(make_record, [0.8, None, 0.8]))
    assert row.ours is None


def test_changed_code_is_cleared_by_its_steps_alone(make_record):
    records = seeds(make_record, [0.81, 0.80, 0.79])
    old, new = "e" * 12, "1" * 12
    changed = Code(digests={"swav": new}, config_hashes=NOW.config_hashes)
    assert rows([entry()], records, changed)[0].status == "not checked (reproduced)"
    setting = records[0].config_hash
    known = Ledger(paper="swav", files={setting: "id"}, settings={setting: [setting]})

    def status(**checks):
        ledger = replace(known, checks={new: Check(agree=[]), **checks})
        code = Code(changed.digests, {"swav": ledger}, NOW.config_hashes)
        return rows([entry()], records, code)[0].status

    fine, moved = Check(agree=["id"]), Check(agree=[], differ={"id": ["start/losses 0"]})
    assert status() == "steps cannot tell (reproduced)"
    assert status(**{new: fine}) == "moved (reproduced)", "nobody knows that the old code gave it"
    assert status(**{new: fine, old: fine}) == "reproduced"
    assert status(**{new: moved, old: fine}) == "moved (reproduced)"
    elsewhere = replace(moved, other_versions=["id"])
    assert status(**{new: elsewhere, old: fine}) == "other versions (reproduced)"
    records = [replace(record, steps="id") for record in records]
    assert status(**{new: fine}) == "reproduced"
    records = [replace(record, code_digest="mixed") for record in records]
    assert status(**{new: fine}) == "mixed (reproduced)"


def test_a_changed_recipe_makes_stale_unless_the_run_was_changed_by_hand_anyway(make_record):
    code = Code(digests=NOW.digests, config_hashes={"swav/cifar10": "0" * 10})
    (group,) = group_records([make_record()], code)
    assert group.stale == "other recipe"
    by_hand = make_record(scaled=True, scaled_reason="the recipe was changed: trainer.epochs")
    assert group_records([by_hand], code)[0].stale is None
    assert group_records([make_record()], Code(digests=NOW.digests))[0].stale is not None


def test_stale_runs_give_way_to_new_runs_of_the_same_setting(make_record):
    old = make_record(config_hash="0" * 10, run_id="old")
    (group,) = group_records([old, make_record()], NOW)
    assert group.latest.config_hash == "c" * 10


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
def test_hashes_are_those_of_the_recipes_as_written_and_each_file_is_read_once():
    read = []

    @cache
    def reading(path):
        read.append(path.parent.name)
        return read_yaml(path)

    hashes = board.present_hashes(WRITTEN, reading)
    assert hashes == {name: load_recipe(name).hash() for name in WRITTEN}
    assert read == ["mclrec", "swav"]


@pytest.mark.parametrize("gone", ["swav/none", "swav/quick:none", "none/quick"])
def test_a_recipe_that_is_gone_has_no_hash(gone):
    assert board.present_hashes([gone, "swav/quick"]).keys() == {"swav/quick"}


@pytest.mark.parametrize("variants", ["variants: [small]", "variants: {small: 1}"])
def test_a_recipe_whose_variants_are_none_has_no_hash(variants, tmp_path, monkeypatch):
    (tmp_path / "swav").mkdir()
    (tmp_path / "swav" / "quick.yaml").write_text(f"seed: 0\n{variants}\n")
    monkeypatch.setattr(references, "CONFIG_ROOT", tmp_path)
    assert board.present_hashes(["swav/quick", "swav/quick:small"]) == {}


def test_a_broken_record_is_raised(tmp_path):
    (tmp_path / "results" / "swav").mkdir(parents=True)
    (tmp_path / "results" / "swav" / "a.json").write_text("{")
    with pytest.raises(RecordError):
        board.read_leaderboard(tmp_path)
