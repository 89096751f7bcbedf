"""`papers parity --record`: another implementation's values become a case that ours is held to."""

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from common.cli.main import app
from common.results.parity import run_cases

OFFICIAL = '''
import numpy as np

def scaled(case):
    """Each x times the factor, and how many there are."""
    x = case["x"].numpy()
    return {"y": x * case.constants["factor"], "n": len(x)}

def in_float32(case):
    """The same, rounded."""
    return {"y": (case["x"] * 2).float()}

def unsaid(case):
    return {"y": case["x"]}

def renamed(case):
    """Returns its input."""
    return {"x": case["x"]}
'''


@pytest.fixture
def record(tmp_path, monkeypatch):
    (tmp_path / "official_code.py").write_text(OFFICIAL)
    np.savez(tmp_path / "inputs.npz", x=np.array([1.0, -2.0, 0.1]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "official_code", raising=False)

    def call(function, *words):
        given = ["--function", f"official_code:{function}", "--inputs", "inputs.npz"]
        return CliRunner().invoke(
            app,
            ["parity", "swav", "factor=3.0", "--record", "scale", *given, "--out", "cases", *words],
        )

    return call


def test_a_recorded_case_holds_our_function_to_the_others_values(record, tmp_path):
    assert record("scaled").exit_code == 0
    cases = tmp_path / "cases"
    assert sorted(path.name for path in cases.iterdir()) == ["scale.json", "scale.npz"]

    def ours(case, slip=0.0):
        return {"y": case["x"] * case.constants["factor"] + slip, "n": 3}

    assert all(row.ok for row in run_cases(cases, {"scale": ours}))
    missed = run_cases(cases, {"scale": lambda case: ours(case, 1e-3)})
    assert [row.array for row in missed if not row.ok] == ["y", "y"]
    said = json.loads((cases / "scale.json").read_text())
    assert said["constants"] == {"factor": 3.0} and said["outputs"] == ["y", "n"]
    assert "Each x times the factor" in said["call"]
    assert said["arrays"]["x"] == {"shape": [3], "dtype": "float64"}


def test_a_case_is_replaced_only_when_asked(record, tmp_path):
    record("scaled")
    before = (tmp_path / "cases/scale.npz").read_bytes()
    np.savez(tmp_path / "inputs.npz", x=np.zeros(2))
    assert record("scaled").exit_code != 0
    assert (tmp_path / "cases/scale.npz").read_bytes() == before
    assert record("scaled", "--force").exit_code == 0
    assert (tmp_path / "cases/scale.npz").read_bytes() != before


@pytest.mark.parametrize("function", ["in_float32", "unsaid", "renamed", "absent"])
def test_what_makes_no_reference_is_refused_and_nothing_is_written(record, tmp_path, function):
    found = record(function)
    assert isinstance(found.exception, Exception) and function in str(found.exception)
    assert not (tmp_path / "cases").exists()
