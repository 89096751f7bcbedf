from dataclasses import replace
from types import SimpleNamespace

import pytest

from common.config.checkout import SOURCE_ROOT
from common.errors import DataError, LikewiseError
from common.results.ledger import Ledger, ledger_path, read_ledger, setting_of, write_ledger
from common.results.record import commit_record, load_records
from common.steps import check as checking
from common.steps import file_format as stored
from common.steps import of_setting as run
from common.steps.check import Job, Outcome, by_setting, check_paper, run_job

NOW = "1" * 12
RECORDS = [
    record
    for record in load_records(SOURCE_ROOT / "results", "swav")
    if record.reference in ("swav/quick", "swav/quick:two-crops") and record.seed < 2
]
NAMES = {setting_of(record) for record in RECORDS}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project with two settings of two seeds, whose steps are what `outcome` says."""
    for record in RECORDS:
        commit_record(record, tmp_path / "results")
    monkeypatch.setattr(checking, "code_digest", lambda _: NOW)
    monkeypatch.setattr("common.training.fit.load_data", lambda _: None)
    monkeypatch.setattr(run, "describe_data", lambda _: {"rows": 8})
    monkeypatch.setattr(stored, "read_steps", lambda _: SimpleNamespace(shape={"rows": 8}))
    monkeypatch.setattr(run, "measures_key", lambda *_: "measures-a")
    return tmp_path


def take(monkeypatch, differ=(), blunt=()):
    """Lets each job find a file of its name, which differs or is too sensitive where named."""
    taken = []

    def run_jobs(jobs, _root, _store):
        names = [job.name for job in jobs]
        taken.extend(names)
        return [Outcome(n, f"id-{n}", ["x"] * (n in differ), tells=n not in blunt) for n in names]

    monkeypatch.setattr(checking, "run_jobs", run_jobs)
    return taken


def test_the_newest_record_of_each_setting_with_a_configuration_speaks_for_it():
    unknown = replace(RECORDS[0], config=None, finished="2030-01-01T00:00:00Z")
    found = by_setting([*RECORDS, unknown])
    assert set(found) == NAMES
    assert all(record.config for record in found.values())


def test_settings_have_a_file_each_and_share_their_protocols(root, monkeypatch):
    taken = take(monkeypatch)
    ledger, _ = check_paper("swav", root, store=True)
    assert sorted(taken) == sorted([*NAMES, "measures-a"])
    assert ledger == read_ledger("swav", root)
    assert all(ledger.agrees(name, NOW) for name in NAMES)
    assert all(ledger.standing(replace(one, code_digest=NOW), NOW) is None for one in RECORDS)


def test_settings_that_share_protocols_are_measured_beside_the_references_of_all(root):
    first, other = by_setting(RECORDS).values()
    changed = {**other.config, "evaluation": {**other.config["evaluation"], "references": ["new"]}}
    records = [first, replace(other, config=changed)]
    jobs, _ = checking.plan(records, Ledger(paper="swav"), root, store=True)
    (shared,) = (job for job in jobs if job.measures)
    assert set(shared.references) == {"new", *first.config["evaluation"]["references"]}


def test_a_protocols_new_setting_is_compared_with_the_files_of_before(root, monkeypatch):
    take(monkeypatch)
    before, _ = check_paper("swav", root, store=True)
    monkeypatch.setattr(run, "measures_key", lambda *_: "measures-b")
    taken = take(monkeypatch)
    after, _ = check_paper("swav", root, store=False)
    assert after.settings == before.settings and "measures-a" in taken


def test_a_later_seed_is_not_what_a_file_was_made_with(root, monkeypatch):
    take(monkeypatch)
    before, _ = check_paper("swav", root, store=True)
    config = {**RECORDS[0].config, "seed": 7}
    later = replace(
        RECORDS[0], seed=7, config=config, run_id="later", finished="2030-01-01T00:00:00Z"
    )
    commit_record(later, root / "results")
    after, _ = check_paper("swav", root, store=False)
    assert after.records == before.records and "later" not in after.records.values()


def test_to_store_a_new_setting_takes_no_steps_of_those_that_the_same_code_gave(root, monkeypatch):
    take(monkeypatch)
    before, _ = check_paper("swav", root, store=True)
    for name in before.files:  # read by a stand-in
        ledger_path("swav", root).with_name(f"{name}.json").touch()
    first, second = sorted(NAMES)
    write_ledger(
        replace(before, settings={first: before.settings[first]}, files={first: f"id-{first}"}),
        root,
    )
    taken = take(monkeypatch)
    after, check = check_paper("swav", root, store=True, only_new=True)
    assert sorted(taken) == sorted([second, "measures-a"]) and after == before
    assert check.agree == before.checks[NOW].agree
    taken = take(monkeypatch)
    check_paper("swav", root, store=True)
    assert sorted(taken) == sorted([*NAMES, "measures-a"])
    monkeypatch.setattr(checking, "code_digest", lambda _: "2" * 12)
    taken = take(monkeypatch)
    check_paper("swav", root, store=True, only_new=True)
    assert sorted(taken) == sorted([*NAMES, "measures-a"])


def test_without_store_a_missing_file_is_a_difference_and_none_is_written(root):
    job = Job("measures-a", RECORDS[0], {"rows": 8}, True, None, "id-a")
    outcome = run_job(job, root, store=False)
    assert (outcome.id, outcome.differ) == ("id-a", ["measures-a.json is not there"])
    assert not list(root.rglob("measures-a.json"))


def test_storing_removes_files_that_no_setting_has(root, monkeypatch):
    old = ledger_path("swav", root).with_name("measures-old.json")
    old.parent.mkdir(parents=True)
    old.touch()
    take(monkeypatch)
    check_paper("swav", root, store=True)
    assert not old.exists() and ledger_path("swav", root).is_file()


def test_what_is_too_sensitive_clears_nothing(root, monkeypatch):
    blunt = setting_of(RECORDS[0])
    take(monkeypatch, blunt=[blunt])
    ledger, _ = check_paper("swav", root, store=True)
    assert ledger.standing(replace(RECORDS[0], steps=None), NOW) == "steps cannot tell"


def test_code_that_changes_meanwhile_is_not_noted(root, monkeypatch):
    take(monkeypatch)
    digests = iter([NOW, "2" * 12])
    monkeypatch.setattr(checking, "code_digest", lambda _: next(digests))
    with pytest.raises(LikewiseError, match="verify again"):
        check_paper("swav", root, store=True)
    assert read_ledger("swav", root) == Ledger(paper="swav")


def test_a_setting_whose_files_are_not_at_hand_is_left_out_and_the_others_are_stored(
    root, monkeypatch
):
    take(monkeypatch)
    away = setting_of(RECORDS[0])

    def of(record, _):
        if setting_of(record) == away:
            raise DataError("data.tokenizer=minilm: no such folder")
        return {"rows": 8}

    monkeypatch.setattr(checking, "shape_of", of)
    told = []
    ledger, _ = check_paper("swav", root, store=True, leave_out=lambda *one: told.append(one))
    assert set(ledger.settings) == NAMES - {away}
    assert [(setting_of(record), "minilm" in why) for record, why in told] == [(away, True)]


def test_published_weights_that_steps_cannot_write_are_left_out(root, monkeypatch):
    take(monkeypatch)
    own = replace(RECORDS[0], weights="published", run_id="published")
    commit_record(own, root / "results")
    told = []
    ledger, _ = check_paper("swav", root, store=True, leave_out=lambda *one: told.append(one[0]))
    assert set(ledger.settings) == NAMES
    assert [record.run_id for record in told] == ["published"]


def test_without_stored_steps_there_is_nothing_to_take(root, monkeypatch):
    assert take(monkeypatch) == []
    ledger, _ = check_paper("swav", root, store=False)
    assert ledger.settings == {} and ledger.checks[NOW].agree == []


def test_what_moved_is_noted_and_old_states_without_records_are_forgotten(root, monkeypatch):
    take(monkeypatch)
    first, _ = check_paper("swav", root, store=True)
    kept = RECORDS[0].code_digest
    write_ledger(
        replace(first, checks={"f" * 12: first.checks[NOW], kept: first.checks[NOW]}), root
    )
    moved = next(iter(NAMES))
    take(monkeypatch, differ=[moved])
    found, _ = check_paper("swav", root, store=False)
    assert set(found.checks) == {NOW, kept}
    assert set(found.checks[NOW].differ) == {f"id-{moved}"}
    assert not found.agrees(moved, NOW)
    assert isinstance(found, Ledger)
