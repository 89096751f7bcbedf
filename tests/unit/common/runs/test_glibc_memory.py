"""The allocator keeps what is freed."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

TOUCHED = """
import resource
from common.runs.devices import keep_memory
{}
def touch():
    block = bytearray(1)
    block *= 100 * 2**20
touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(first_line):
    words = [sys.executable, "-c", TOUCHED.format(first_line)]
    # The user's own settings of glibc would keep the memory in both cases.
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    run = subprocess.run(words, check=True, capture_output=True, text=True, env=own)
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads glibc's counts")
def test_large_blocks_are_used_again():
    assert faults("keep_memory()") * 10 < faults("")


@pytest.mark.parametrize("granted", [0, 1])
def test_what_is_trimmed_is_set_only_with_what_is_kept(granted, monkeypatch):
    from common.runs import devices as memory

    set_ = []

    def mallopt(name, _value):
        set_.append(name)
        return granted

    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    memory.keep_memory()
    assert set_ == [memory.MMAP_THRESHOLD, memory.TRIM_THRESHOLD][: 1 + granted]


def test_elsewhere_nothing_is_changed(monkeypatch):
    from common.runs import devices as memory

    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: pytest.fail("looked for glibc"))
    memory.keep_memory()
