import warnings

import pytest

from common.results.ledger import MIXED, Check, Ledger
from common.runs import record as provenance
from common.runs.record import Provenance
from common.training.position import KEY

SETTING = "c" * 10


def verified(monkeypatch, *digests):
    """Makes the steps of the setting those that each of ``digests`` gives."""
    checks = {digest: Check(agree=["id"]) for digest in digests}
    ledger = Ledger(
        paper="swav", files={SETTING: "id"}, settings={SETTING: [SETTING]}, checks=checks
    )
    monkeypatch.setattr(provenance, "read_ledger", lambda *_: ledger)


def save(digest="digest"):
    checkpoint = {KEY: {"batches_seen": 3}}
    Provenance("run", "swav", SETTING, digest).on_save_checkpoint(None, None, checkpoint)
    assert checkpoint[KEY]["batches_seen"] == 3
    return checkpoint


def test_a_run_of_two_states_of_the_code_has_the_digest_of_none(monkeypatch):
    verified(monkeypatch, "new")
    checkpoint = save("old")
    own = Provenance("run", "swav", SETTING, "new")
    with pytest.warns(UserWarning, match="the code has changed since this run began"):
        own.on_load_checkpoint(None, None, checkpoint)
    assert own.code_digest == MIXED
    again = {KEY: {}}
    own.on_save_checkpoint(None, None, again)
    assert again[KEY]["code_digest"] == MIXED
    # Once mixed it stays so, also when the code is the first one's again.
    later = Provenance("run", "swav", SETTING, "old")
    with pytest.warns(UserWarning, match="row"):
        later.on_load_checkpoint(None, None, again)
    assert later.code_digest == MIXED


def test_code_that_was_verified_to_give_the_same_numbers_is_gone_on_with(monkeypatch):
    verified(monkeypatch, "old", "new")
    own = Provenance("run", "swav", SETTING, "new")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own.on_load_checkpoint(None, None, save("old"))
    assert own.code_digest == "new"


def test_the_same_code_is_not_warned_of():
    own = Provenance("run", "swav", SETTING, "digest")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own.on_load_checkpoint(None, None, save())
    assert own.code_digest == "digest"
