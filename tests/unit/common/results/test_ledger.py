from dataclasses import replace

import pytest

from common.config.checkout import SOURCE_ROOT
from common.results.ledger import (
    MIXED,
    Check,
    Ledger,
    LedgerError,
    ledger_path,
    read_ledger,
    setting_of,
    write_ledger,
)
from common.results.record import load_records

NEW, OLD = "1" * 12, "0" * 12
RECORD = load_records(SOURCE_ROOT / "results", "swav")[0]
SETTING = setting_of(RECORD)
LEDGER = Ledger(
    paper="swav",
    files={SETTING: "steps1", "measures-a": "measures1"},
    settings={SETTING: [SETTING, "measures-a"]},
)
BOTH = Check(agree=["measures1", "steps1"])


def standing(checks, **changes):
    record = replace(RECORD, **{"code_digest": OLD, "steps": None, **changes})
    return replace(LEDGER, checks=checks).standing(record, NEW)


def test_the_present_code_needs_no_steps():
    assert standing({}, code_digest=NEW) is None


def test_other_code_is_not_checked_until_its_steps_were_taken():
    assert standing({}) == standing({OLD: BOTH}) == "not checked"


def test_a_file_that_neither_agrees_nor_differs_cannot_tell():
    only_steps = Check(agree=["steps1"])
    assert standing({NEW: only_steps, OLD: BOTH}) == "steps cannot tell"
    moved = Check(agree=[], differ={"measures1": ["x"]})
    assert standing({NEW: moved, OLD: BOTH}) == "moved", "what can tell decides"


def test_equal_steps_of_both_states_clear_a_record():
    assert standing({NEW: BOTH, OLD: BOTH}) is None


def test_no_steps_tell_of_a_run_in_mixed_precision():
    assert standing({NEW: BOTH, OLD: BOTH}, precision="bf16-mixed") == "steps cannot tell"
    assert standing({}, code_digest=NEW, precision="bf16-mixed") is None


def test_a_record_that_names_its_steps_needs_no_check_of_its_own_code():
    assert standing({NEW: BOTH}, steps="steps1+measures1") is None
    assert standing({NEW: BOTH}, steps="steps0+measures1") == "moved", "stored anew since"
    assert standing({NEW: BOTH}) == "moved", "nobody knows what the old code gave"


@pytest.mark.parametrize("moved", ["steps1", "measures1"])
def test_what_differs_moves_the_record(moved):
    kept = [one for one in BOTH.agree if one != moved]
    check = Check(agree=kept, differ={moved: ["late/losses 0"]})
    assert standing({NEW: check, OLD: BOTH}, steps="steps1+measures1") == "moved"
    other = replace(check, other_versions=[moved])
    assert standing({NEW: other}, steps="steps1+measures1") == "other versions"


def test_other_data_move_the_record_whatever_its_code():
    other = replace(BOTH, other_data=[RECORD.data_hash])
    assert standing({NEW: other}, code_digest=NEW) == "moved"
    assert standing({NEW: replace(BOTH, other_data=["f" * 16])}, code_digest=NEW) is None


def test_a_mixed_run_is_cleared_by_nothing():
    assert standing({NEW: BOTH}, code_digest=MIXED, steps="steps1+measures1") == "mixed"
    assert not replace(LEDGER, checks={NEW: BOTH}).same_numbers(SETTING, MIXED, MIXED)


def test_published_weights_are_a_setting_of_their_own():
    assert setting_of(replace(RECORD, weights="published")) != SETTING
    assert standing({NEW: BOTH}, weights="published") == "not checked"


def test_it_is_read_as_it_was_written(tmp_path):
    ledger = replace(LEDGER, checks={NEW: Check(agree=["a"], differ={"b": ["x"]}), OLD: BOTH})
    write_ledger(ledger, tmp_path)
    assert read_ledger("swav", tmp_path) == ledger
    assert read_ledger("meow", tmp_path) == Ledger(paper="meow")


@pytest.mark.parametrize("text", ["", "[]", '{"version": 0}', '{"version": 1, "checks": [1]}'])
def test_a_broken_one_is_named(text, tmp_path):
    path = ledger_path("swav", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(LedgerError, match=r"ledger\.json"):
        read_ledger("swav", tmp_path)
