"""Shared equations through several libraries, ours among them, against plain NumPy.

    python -m benchmarks.conformance --library lightly --equation nt-xent   # one cell
    python -m benchmarks.conformance --library lightly --store              # a column, kept
    python -m benchmarks.conformance --page                                 # the page alone

A library needs an environment with itself, torch and numpy; the command runs in this repository's
folder. Values and gradients are compared in four types, with the source's form of the equation
and with other conventions. ``--store`` writes `conformance.json`, and from it docs/conformance.md.
"""

import argparse
import json
import platform
import warnings
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.conformance_adapters import ADAPTERS, Adapter, UnfitError
from benchmarks.conformance_cases import EQUATIONS, Case, Equation

ROOT = Path(__file__).resolve().parents[1]
STORED, PAGE = ROOT / "benchmarks/conformance.json", ROOT / "docs/conformance.md"
# The largest difference that is called equal, over the largest expected number. Libraries add 1e-8
# to a norm or count in float32, and a score has 3 digits in float16 and 2 in bfloat16.
TOLERANCE = {"float64": 1e-6, "float32": 1e-4, "float16": 2e-2, "bfloat16": 5e-2}
# Where nothing but 0 is expected, differences are over this, as large as usual gradients are.
USUAL = 0.1
WIDE = {"float64", "float32"}
VERDICTS = ("equal", "equal, not in 16 bits", "other convention", "differs")
TEXT = """# Conformance

<!-- python -m benchmarks.conformance --page writes this page from benchmarks/conformance.json. -->

The same small inputs went through several libraries, ours among them. What is expected is computed
in float64 by [plain NumPy](../benchmarks/conformance_cases.py), which shares no code with them, and
gradients by complex steps. The [adapters](../benchmarks/conformance_adapters.py) are ours, and say
where a library needs help today.

- **equal**: in every case and type the value and the gradient are the source's.
- **not in 16 bits**: float16 or bfloat16 differs or is refused. Tensors come in the type that is
  named, without autocast, which would widen some of them.
- **other convention**: they are those of another form in use. This is no error.
- **differs**: in float64 or float32 some case has neither; a type that is refused does not count.

A difference is the largest one over the largest expected number. It counts above
{limits}.

{overview}

One command repeats a cell, in the folder of this repository and in an environment of the library's
own. `likewise` needs this project's; solo-learn, of 2021, asks for torch 1.9 and was installed with
`--no-deps`. `--store` in place of `--equation` keeps the whole column and writes this page anew.

```console
pip install torch numpy lightly
python -m benchmarks.conformance --library lightly --equation nt-xent
```

{measured}

{sections}
"""
Outcome = dict[str, Any]


def measure(library: str, equation: str) -> list[dict[str, Any]]:
    """Returns the cell: an entry for each of the library's calls for this equation."""
    calls = ADAPTERS[library].get(equation, {})
    return [
        {"library": library, "equation": equation, "call": call}
        | measure_call(EQUATIONS[equation], adapter)
        for call, adapter in calls.items()
    ]


def measure_call(equation: Equation, adapter: Adapter) -> dict[str, Any]:
    """Returns the form that fits best in the wide types, and the outcomes: by type, by case."""
    answers = {
        (kind, case.name): _answer(equation, adapter, case, getattr(torch, kind))
        for kind in TOLERANCE
        for case in equation.cases
    }

    expected = {
        (form, case.name): equation.expected(form, case)
        for form in equation.forms
        for case in equation.cases
    }

    def outcomes(form: str, kind: str) -> dict[str, Outcome]:
        return {
            case.name: _compared(answers[kind, case.name], expected[form, case.name])
            for case in equation.cases
        }

    def fitting(form: str) -> list[int]:
        return [
            sum("value" in x and is_equal(x, kind) for x in outcomes(form, kind).values())
            for kind in ("float64", "float32")
        ]

    # The first of the best, which is the source's if it is among them.
    form = max(equation.forms, key=fitting)
    return {"form": form, "types": {kind: outcomes(form, kind) for kind in TOLERANCE}}


def is_equal(outcome: Outcome, kind: str) -> bool:
    """Tells whether there is no difference; where nothing is asked or expected there is none."""
    if "fails" in outcome or "refuses" in outcome:
        return False
    worst = max(outcome.get("value", 0), outcome.get("gradient", 0))
    return bool(worst <= TOLERANCE[kind])


def _answer(
    equation: Equation, adapter: Adapter, case: Case, kind: torch.dtype
) -> dict[str, np.ndarray] | str:
    """Returns value and gradients, or what the library says instead; "" where it has no call."""
    inputs = {}
    for name, array in case.inputs.items():
        tensor = torch.from_numpy(np.array(array))
        inputs[name] = tensor.to(kind) if tensor.is_floating_point() else tensor
        inputs[name].requires_grad_(name in equation.by)
    try:
        value = adapter(**inputs, **case.settings)
        if equation.by and value.requires_grad:
            value.sum().backward()
    except UnfitError:
        return ""
    except ModuleNotFoundError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    given = {"value": value} | {name: inputs[name].grad for name in equation.by}
    return {
        name: np.zeros(inputs[name].shape) if x is None else x.detach().double().numpy()
        for name, x in given.items()
    }


def _compared(answer: dict[str, np.ndarray] | str, expected: dict[str, np.ndarray]) -> Outcome:
    """Returns the relative differences, or why there are none; {} where nothing is asked."""
    if isinstance(answer, str):
        return {"refuses": answer} if answer else {}
    errors: dict[str, list[float]] = {}
    for name, wanted in expected.items():
        what = "value" if name == "value" else "gradient"
        asked = np.isfinite(wanted)
        if answer[name].shape != wanted.shape:
            return {"fails": f"{what} of shape {answer[name].shape}"}
        if not asked.any():
            continue
        if not np.isfinite(answer[name][asked]).all():
            return {"fails": f"{what} not finite"}
        apart = np.abs(answer[name] - wanted)[asked]
        if np.issubdtype(wanted.dtype, np.integer):
            error = float((apart > 0).mean())  # of classes: how many are others
        else:
            largest = np.abs(wanted[asked]).max()
            error = float(apart.max() / (largest if largest > 1e-9 else USUAL))
        errors.setdefault(what, []).append(error)
    return {what: float(f"{max(found):.2g}") for what, found in errors.items()}


# What is stored, and the page.


def store(libraries: list[str], cells: list[dict[str, Any]]) -> None:
    """Puts measured columns into the stored file, in the place of earlier ones."""
    stored = json.loads(STORED.read_text()) if STORED.is_file() else {"columns": {}, "cells": []}
    for library in libraries:
        stored["columns"][library] = {
            "version": version(library),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "date": date.today().isoformat(),
        }
    kept = [cell for cell in stored["cells"] if cell["library"] not in libraries]
    order = {name: place for place, name in enumerate(ADAPTERS)}
    stored["columns"] = dict(sorted(stored["columns"].items(), key=lambda item: order[item[0]]))
    stored["cells"] = sorted(
        kept + cells,
        key=lambda cell: ([*EQUATIONS].index(cell["equation"]), order[cell["library"]]),
    )
    # A line a column and a line a cell, so that a change shows which.
    columns = [f"{json.dumps(name)}: {json.dumps(at)}" for name, at in stored["columns"].items()]
    kept = [json.dumps(cell) for cell in stored["cells"]]
    parts = ('{"columns": {', ",\n".join(columns), '}, "cells": [', ",\n".join(kept), "]}\n")
    STORED.write_text("\n".join(parts))


def verdict(cell: dict[str, Any]) -> str:
    """Returns one of `VERDICTS`; a wide type that is refused does not differ."""
    unequal = [
        kind
        for kind, outcomes in cell["types"].items()
        if not all(is_equal(outcome, kind) for outcome in outcomes.values())
    ]
    wide = [kind for kind in unequal if kind in WIDE and not _refused(cell["types"][kind])]
    if wide:
        return "differs"
    if cell["form"]:
        return "other convention"
    return "equal, not in 16 bits" if {*unequal} - WIDE else "equal"


def _refused(outcomes: dict[str, Outcome]) -> bool:
    asked = [outcome for outcome in outcomes.values() if outcome]
    return all("refuses" in outcome for outcome in asked)


def worst(cell: dict[str, Any], kind: str) -> str:
    """Returns in words where the cell differs most in this type."""
    found = {
        name: outcome
        for name, outcome in cell["types"][kind].items()
        if not is_equal(outcome, kind)
    }
    if not found:
        return "equal"
    told = {
        name: outcome.get("fails") or f"refuses: {outcome['refuses']}"
        for name, outcome in found.items()
        if "fails" in outcome or "refuses" in outcome
    }
    if told:
        words = next(iter(told.values()))
        names = [name for name, others in told.items() if others == words]
        where = "" if _refused(cell["types"][kind]) else f" ({'; '.join(names)})"
        text = words.replace("|", "/") + where
    else:
        name = max(found, key=lambda name: max(found[name].values()))
        what = max(found[name], key=lambda what: found[name][what])
        text, names = f"{what} by {_percent(found[name][what])} ({name})", [name]
    others = len(found) - len(names)
    return text + (f"; {others} more" if others else "")


def _percent(error: float) -> str:
    return f"{100 * error:.0f} %" if error > 0.1 else f"{100 * error:.2g} %"


def page(stored: dict[str, Any]) -> str:
    """Returns docs/conformance.md."""
    limits = ", ".join(f"{limit:.0e} in {kind}" for kind, limit in TOLERANCE.items())
    cells = {
        key: [cell for cell in stored["cells"] if cell["equation"] == key] for key in EQUATIONS
    }
    return TEXT.format(
        limits=limits.replace("e-0", "e-"),
        overview=_table(
            ["equation", *VERDICTS],
            [[EQUATIONS[key].title, *_named(of)] for key, of in cells.items()],
        ),
        measured=_measured(stored["columns"]),
        sections="\n\n".join(_section(key, of) for key, of in cells.items()),
    )


def _named(cells: list[dict[str, Any]]) -> list[str]:
    """Returns by verdict which libraries have it, with the call where a library has several."""
    libraries = [cell["library"] for cell in cells]
    named = [
        f"{cell['library']} ({cell['call']})"
        if libraries.count(cell["library"]) > 1
        else cell["library"]
        for cell in cells
    ]
    found = [verdict(cell) for cell in cells]
    return [
        ", ".join(name for name, own in zip(named, found, strict=True) if own == one)
        for one in VERDICTS
    ]


def _section(key: str, cells: list[dict[str, Any]]) -> str:
    equation = EQUATIONS[key]
    rows = [
        [
            cell["library"],
            cell["call"],
            cell["form"] or "the source's",
            *(worst(cell, kind) for kind in TOLERANCE),
        ]
        for cell in cells
    ]
    cases = "; ".join(case.name for case in equation.cases)
    return f"## {equation.title}\n\n`{key}`: {equation.source}. Cases: {cases}.\n\n" + _table(
        ["library", "call", "form", *TOLERANCE], rows
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _measured(columns: dict[str, dict[str, str]]) -> str:
    runs: dict[str, list[str]] = {}
    for library, at in columns.items():
        run = f"{at['date']} with torch {at['torch']}, NumPy {at['numpy']}, Python {at['python']}"
        runs.setdefault(run, []).append(f"{library} {at['version']}")
    return "\n".join(f"Measured on {run}: {', '.join(names)}." for run, names in runs.items())


def main() -> None:
    """Measures, prints and, if wanted, stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=ADAPTERS, nargs="+", default=["likewise"])
    parser.add_argument("--equation", choices=EQUATIONS, help="default: all that the library has")
    parser.add_argument("--store", action="store_true", help="keep whole columns")
    parser.add_argument("--page", action="store_true", help="write the page and measure nothing")
    given = parser.parse_args()
    if not given.page:
        if given.store and given.equation:
            parser.error("--store keeps whole columns: leave --equation out")
        warnings.simplefilter("ignore")
        cells = [
            cell
            for library in given.library
            for equation in ([given.equation] if given.equation else ADAPTERS[library])
            for cell in measure(library, equation)
        ]
        for cell in cells:
            form = cell["form"] or "the source's"
            print(f"{cell['library']}, {cell['equation']}: {cell['call']}: {verdict(cell)}: {form}")
            for kind, outcomes in cell["types"].items():
                for name, outcome in outcomes.items():
                    words = ", ".join(f"{what} {found}" for what, found in outcome.items())
                    print(f"    {kind:9} {name:32} {words or 'not asked'}")
        if given.store:
            store(given.library, cells)
    if given.page or given.store:
        PAGE.write_text(page(json.loads(STORED.read_text())))


if __name__ == "__main__":
    main()
