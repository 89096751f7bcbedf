"""The allocator keeps what is freed."""

import subprocess
import sys

import pytest

TOUCHED = """
import resource
from common.memory import keep_memory
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
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads glibc's counts")
def test_large_blocks_are_used_again():
    assert faults("keep_memory()") * 10 < faults("")


def test_elsewhere_nothing_is_changed(monkeypatch):
    from common import memory

    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: pytest.fail("looked for glibc"))
    memory.keep_memory()
