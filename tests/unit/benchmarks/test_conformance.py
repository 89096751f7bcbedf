import json

import numpy as np
import pytest
import torch

from benchmarks.conformance import (
    PAGE,
    STORED,
    TOLERANCE,
    is_equal,
    measure,
    measure_call,
    page,
    verdict,
    worst,
)
from benchmarks.conformance_adapters import ADAPTERS
from benchmarks.conformance_cases import EQUATIONS

KEPT = json.loads(STORED.read_text())
EXACT = [case for equation in EQUATIONS.values() for case in equation.cases]


def judged(cell: dict) -> dict:
    """What must not depend on the machine: the form, and in which case of which type it is."""
    return cell | {
        "types": {
            kind: {name: is_equal(outcome, kind) for name, outcome in outcomes.items()}
            for kind, outcomes in cell["types"].items()
        }
    }


@pytest.mark.parametrize("equation", EQUATIONS)
def test_our_column_is_the_stored_one(equation: str) -> None:
    stored = [
        cell
        for cell in KEPT["cells"]
        if (cell["library"], cell["equation"]) == ("likewise", equation)
    ]
    assert stored
    assert [judged(cell) for cell in measure("likewise", equation)] == [*map(judged, stored)]


def test_the_page_is_made_from_what_is_stored() -> None:
    assert PAGE.read_text() == page(KEPT)


def test_a_column_has_what_its_adapters_ask_for() -> None:
    stored = {(cell["library"], cell["equation"], cell["call"]) for cell in KEPT["cells"]}
    assert stored == {
        (library, equation, call)
        for library, equations in ADAPTERS.items()
        for equation, calls in equations.items()
        for call in calls
    }


@pytest.mark.parametrize("case", EXACT, ids=lambda case: case.name)
def test_every_type_holds_the_inputs_exactly(case) -> None:
    for array in case.inputs.values():
        if np.issubdtype(array.dtype, np.floating):
            for kind in TOLERANCE:
                given = torch.from_numpy(array)
                assert torch.equal(given.to(getattr(torch, kind)).double(), given)


# Not of SwAV: its codes move with the scores and pass no gradient on.
@pytest.mark.parametrize("key", [key for key in EQUATIONS if EQUATIONS[key].by and key != "swav"])
def test_expected_gradients_are_those_of_differences(key: str) -> None:
    equation, step = EQUATIONS[key], 1e-6
    case = equation.cases[0]
    for form, function in equation.forms.items():
        expected = equation.expected(form, case)
        for name in equation.by:
            apart = np.zeros(case.inputs[name].shape)
            place = (0,) * apart.ndim
            apart[place] = step
            ends = [
                function(**case.inputs | {name: case.inputs[name] + side * apart}, **case.settings)
                for side in (1, -1)
            ]
            assert expected[name][place] == pytest.approx((ends[0] - ends[1]) / 2 / step, rel=1e-5)


def nearly(z1, z2, temperature):
    """NT-Xent whose value is right, and whose gradient lacks a part."""
    right = ADAPTERS["likewise"]["nt-xent"]["nt_xent"]
    whole = right(z1, z2, temperature)
    part = right(z1, z2.detach(), temperature)
    return part + (whole - part).detach()


def test_a_wrong_gradient_differs() -> None:
    cell = measure_call(EQUATIONS["nt-xent"], nearly)
    assert verdict(cell) == "differs"
    assert worst(cell, "float64").startswith("gradient by 100 % (plain)")


def test_another_form_is_a_convention_and_a_half_that_overflows_differs_in_16_bits() -> None:
    def without_partner(z1, z2, temperature):
        from common.losses.infonce import nt_xent

        return nt_xent(z1, z2, temperature, positive_in_denominator=False)

    def plain(scores, epsilon, iterations):
        codes = (scores / epsilon).exp()
        for _ in range(iterations):
            codes = codes / codes.sum(0)
            codes = codes / codes.sum(1, keepdim=True)
        return codes

    assert verdict(measure_call(EQUATIONS["nt-xent"], without_partner)).startswith(
        "other convention"
    )
    assert "not finite" in worst(measure_call(EQUATIONS["sinkhorn"], plain), "float16")


def test_a_refusal_is_told_in_the_words_of_the_library() -> None:
    def refuses(average, online, momentum):
        raise ValueError("no such type | here")

    cell = measure_call(EQUATIONS["ema"], refuses)
    assert worst(cell, "float16") == "refuses: ValueError: no such type / here"
