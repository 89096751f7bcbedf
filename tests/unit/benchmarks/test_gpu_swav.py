import re

import pytest
import torch

from benchmarks import gpu_swav


def test_it_refuses_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="there is none here"):
        gpu_swav.require("cuda")
    gpu_swav.require("cpu")


def test_a_tiny_round_on_the_cpu_reports_speed_and_share(capsys, monkeypatch):
    # The clock is a script: a step takes 4 s, its backbone's passes 3 s.
    seconds = {"step": 4.0, "backbone": 3.0}
    made = {}

    def timed(run, steps):
        made[run] = None
        name = ("step", "backbone")[len(made) - 1]
        return lambda: run() or seconds[name]

    monkeypatch.setattr(gpu_swav, "timed", timed)
    gpu_swav.measure("small", 2, "cpu", compiled=False, rounds=1, steps=1)
    text = capsys.readouterr().out
    assert "0.5 images/s" in text and "CPU" in text
    assert re.search(r"25\.0% of the step outside the backbone", text)
