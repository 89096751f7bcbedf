import io
import json
import shutil
import sys
import types

import numpy as np
import pytest
import torch
from rich.console import Console

from common.cli.parity import parity_command
from common.errors import DataError, LikewiseError, UsageError
from common.results.parity import (
    STORED,
    Case,
    compare_case,
    report_parity,
    run_cases,
    solvers_of,
)


@pytest.fixture
def case_path(tmp_path):
    np.savez(
        tmp_path / "double.npz", x=np.array([1.0, -2.0]), y=np.array([2.0, -4.0]), n=np.arange(2)
    )
    description = {
        "outputs": ["y", "n"],
        "constants": {"factor": 2},
        "tolerance": {"float64": 1e-9, "float32": 1e-5},
        "arrays": {"y": {"tolerance": {"float64": 1e-6, "float32": 1e-3}}},
    }
    (tmp_path / "double.json").write_text(json.dumps(description))
    return tmp_path / "double.json"


def solve(case, slip=0.0):
    return {"y": case["x"] * case.constants["factor"] + slip, "n": torch.arange(2)}


def test_reproduced_values_pass_in_both_dtypes(case_path):
    rows = list(run_cases(case_path.parent, {"double": solve}))
    assert [row.dtype for row in rows] == ["float64", "float32"]
    assert all(row.ok for row in rows)


def test_a_reference_that_cannot_be_imported_is_named_with_the_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "papers.swav.loss", types.ModuleType("papers.swav.loss"))
    monkeypatch.delitem(sys.modules, "papers.swav.reference", raising=False)
    said = r"papers/swav/reference\.py: cannot be imported: cannot import name"
    with pytest.raises(DataError, match=said):
        solvers_of("swav")


def test_a_case_without_outputs_is_no_comparison(case_path):
    description = {**json.loads(case_path.read_text()), "outputs": []}
    case_path.write_text(json.dumps(description))
    assert compare_case(Case(case_path), None).is_empty and compare_case(Case(case_path), None).ok
    said = io.StringIO()
    with pytest.raises(UsageError, match="no reference values"):
        report_parity("swav", case_path.parent, Console(file=said))
    assert "none  swav/double: nothing to compare" in said.getvalue()


def test_float64_error_is_relative_to_the_largest_entry(case_path):
    row = compare_case(Case(case_path), lambda case: solve(case, slip=4e-5))
    assert not row.ok
    assert row.array == "y"
    assert row.error == pytest.approx(1e-5, rel=1e-3)


def test_elementwise_tolerance_is_stricter(case_path):
    description = json.loads(case_path.read_text())
    description["tolerance_note"] = "float64: compare element by element"
    case_path.write_text(json.dumps(description))
    row = compare_case(Case(case_path), lambda case: solve(case, slip=4e-5))
    assert row.error == pytest.approx(2e-5, rel=1e-3)


@pytest.mark.parametrize(
    ("solver", "problem"),
    [
        (None, "no function"),
        (lambda case: {"y": case["x"] * 2}, "not computed"),
        (lambda case: {**solve(case), "y": solve(case)["y"][:1]}, "shape"),
        (lambda case: 1 / 0, "ZeroDivisionError"),
        (lambda case: {"y": case["x"] * 2, "n": torch.arange(2)}, "function of ours reads: factor"),
    ],
)
def test_a_miss_is_never_a_pass(case_path, solver, problem):
    row = compare_case(Case(case_path), solver)
    assert not row.ok
    assert problem in row.problem


def test_a_constant_within_a_section_is_read_too_unless_its_arrays_are_informative(case_path):
    description = json.loads(case_path.read_text())
    description["constants"] |= {"wide": {"used": 1, "spare": 2}, "told": {"spare": 3}}
    description["arrays"]["told_x"] = {"informative": True}
    case_path.write_text(json.dumps(description))
    with np.load(case_path.with_suffix(".npz")) as arrays:
        np.savez(case_path.with_suffix(".npz"), **arrays, told_x=np.ones(1))

    def reading(case):
        assert case.constants["wide"]["used"] == 1
        return solve(case)

    assert compare_case(Case(case_path), reading).problem.endswith("reads: wide.spare")


def test_a_constant_that_our_function_has_built_in_is_refused_where_it_is_another(tmp_path):
    for name in ("triplet_loss.json", "triplet_loss.npz"):
        shutil.copy(STORED / "sirl" / name, tmp_path)
    case = tmp_path / "triplet_loss.json"
    assert compare_case(Case(case), solvers_of("sirl")["triplet_loss"]).ok
    case.write_text(case.read_text().replace('"eps": 1e-06', '"eps": 0.1'))
    row = compare_case(Case(case), solvers_of("sirl")["triplet_loss"])
    assert not row.ok and "eps=0.1: must be 1e-06" in row.problem


def test_whole_numbers_must_be_equal_and_nan_must_match(case_path):
    wrong = compare_case(Case(case_path), lambda case: {**solve(case), "n": torch.tensor([0, 2])})
    assert not wrong.ok and wrong.array == "n"
    nan = compare_case(
        Case(case_path), lambda case: {**solve(case), "y": torch.tensor([np.nan, 1.0])}
    )
    assert not nan.ok


def test_a_folder_without_cases_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no reference values"):
        list(run_cases(tmp_path, {}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("double.npz", b"PK", r"double\.npz"),
        ("double.json", b"{", r"double\.json.*JSON"),
    ],
)
def test_a_case_that_does_not_load_is_named(case_path, name, content, message):
    (case_path.parent / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        Case(case_path)


@pytest.mark.parametrize("content", ["[]", "{}", '{"outputs": ["y"], "constants": {"factor": 2}}'])
def test_a_description_of_another_form_is_a_miss(case_path, content):
    case_path.with_suffix(".json").write_text(content)
    found = list(run_cases(case_path.parent, {"double": solve}))
    assert [(one.ok, one.dtype) for one in found] == [(False, "float64"), (False, "float32")]
    assert all("double.json: describes no case: " in one.problem for one in found)


def test_a_case_without_its_arrays_misses_and_the_others_are_compared(case_path, monkeypatch):
    (case_path.parent / "astray.json").write_text("{}")
    reference = types.SimpleNamespace(CASES={"double": solve})
    paper = types.SimpleNamespace(name="swav", part=lambda _: reference)
    monkeypatch.setattr("common.results.parity.get_paper", lambda _: paper)
    said = io.StringIO()
    with pytest.raises(LikewiseError, match=r"^2 of 4 comparisons miss: swav/astray \(float64\)"):
        report_parity("swav", case_path.parent, Console(file=said))
    lines = said.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [
        *[["MISS", "swav/astray"]] * 2,
        *[["ok", "swav/double"]] * 2,
    ]
    assert "astray.npz: missing beside astray.json; bring it, or take" in lines[0]


def test_the_command_serves_what_is_no_paper(capsys):
    parity_command("text_modality")
    assert "text_modality/sts" in capsys.readouterr().out
