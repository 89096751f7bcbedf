from types import SimpleNamespace

import pytest

from common.training.trainer import BatchLimit
from tests.states import Counted


@pytest.mark.parametrize(("seen", "stops"), [(4, False), (5, True), (6, True)])
def test_the_batch_limit_ends_the_training(seen, stops):
    for look in ("on_train_start", "on_train_batch_end"):
        trainer = SimpleNamespace(should_stop=False)
        rest = () if look == "on_train_start" else ({}, None, 0)
        getattr(BatchLimit(5), look)(trainer, Counted(seen), *rest)
        assert trainer.should_stop is stops


def test_without_a_limit_nothing_ends_it():
    trainer = SimpleNamespace(should_stop=False)
    BatchLimit(None).on_train_start(trainer, Counted(10**6))
    assert not trainer.should_stop
