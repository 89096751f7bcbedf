import os
import threading
from types import SimpleNamespace

import pytest

from common.distributed import rendezvous as launched
from common.distributed.rendezvous import MAIN, until_joined

# Those that were launched have a launcher too, which launches none.
TRAINER = SimpleNamespace(strategy=SimpleNamespace(launcher=SimpleNamespace(procs=[])))


@pytest.fixture
def ended(monkeypatch):
    """Set once this process would have been ended."""
    ended = threading.Event()
    monkeypatch.setattr(launched, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(os, "_exit", lambda _code: ended.set())
    return ended


def test_a_launched_process_learns_of_its_main_one_from_the_environment():
    with until_joined(TRAINER, threading.Event()):
        assert os.environ[MAIN] == str(os.getpid())
    assert MAIN not in os.environ, "a later run may be launched by others"


def test_without_its_main_process_one_ends_before_it_has_joined(ended, monkeypatch):
    monkeypatch.setenv(MAIN, str(os.getpid()))  # which is not its own parent
    with until_joined(TRAINER, threading.Event()):
        assert ended.wait(10)


@pytest.mark.parametrize("case", ["the main process is there", "joined", "of torchrun"])
def test_else_it_goes_on(case, ended, monkeypatch):
    parent = os.getppid() if case == "the main process is there" else os.getpid()
    monkeypatch.setenv(MAIN, str(parent))
    joined = threading.Event()
    if case == "joined":
        joined.set()
    if case == "of torchrun":
        monkeypatch.delenv(MAIN)
    with until_joined(TRAINER, joined):
        assert not ended.wait(0.2)
    assert joined.is_set(), "nothing watches on"
