"""Our functions against stored reference values (`papers parity`)."""

import inspect
import json
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from common.config.checkout import SOURCE_ROOT
from common.config.files import write_atomic
from common.data.catalogue.packers.arrays import npz_bytes, read_arrays
from common.errors import DataError, LikewiseError, MissingLibrary, UsageError
from common.paper import get_paper, paper_names
from common.results.reference import PARTS

Arrays = dict[str, NDArray[Any]]
# Those of most stored cases; a file may be given others by hand, with the reason.
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}
ABSOLUTE_FLOOR = 1e-12
STORED = SOURCE_ROOT / "tests" / "reference"


class Constants(dict[str, Any]):
    """What a call needs beyond the arrays; remembers what has been read, section by section."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        """Returns the constant ``name``, which has been read now."""
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Returns the constant ``name``, or ``default``."""
        return self[name] if name in self else default

    def items(self) -> Any:
        """Returns all names and values, which have been read now."""
        self.read |= self.keys()
        return super().items()

    def must_be(self, **values: Any) -> None:
        """Reads constants that our function has built in, or that the arrays tell.

        Raises:
            DataError: A constant that is there and has another value.
        """
        for name, value in values.items():
            given = self.get(name, value)
            if isinstance(given, Constants):
                given.items()  # the whole section is read
            if given != value:
                raise DataError(
                    f"{name}={given!r}: must be {value!r}, which the arrays tell or "
                    "our function has built in"
                )

    def unread(self) -> Iterator[tuple[str, ...]]:
        """Yields the constants that nothing has read, each by the names that lead to it."""
        for name in self:
            if name not in self.read:
                yield (name,)
            elif isinstance(value := super().__getitem__(name), Constants):
                yield from ((name, *below) for below in value.unread())


@dataclass
class Case:
    """One file of reference values; floating arrays are cast to ``dtype`` on reading."""

    path: Path
    dtype: torch.dtype = torch.float64
    description: dict[str, Any] = field(init=False)
    arrays: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        """Reads ``<case>.json`` and ``<case>.npz``; raises `DataError` if one of them is amiss."""
        values = self.path.with_suffix(".npz")
        if not values.is_file():
            raise DataError(
                f"{values}: missing beside {self.path.name}; bring it, or take that file away"
            )
        self.arrays = read_arrays(values)
        try:
            text = self.path.with_suffix(".json").read_text()
            self.description = json.loads(text, object_hook=Constants)
        except ValueError as error:
            raise DataError(f"{self.path}: no JSON: {error}") from None

    @property
    def name(self) -> str:
        """The case's name, which `reference.CASES` serves."""
        return self.path.stem

    @property
    def constants(self) -> Constants:
        """What the call needs beyond the arrays."""
        return self.description.setdefault("constants", Constants({}))

    @property
    def outputs(self) -> list[str]:
        """The arrays an implementation must reproduce."""
        told = self._informative
        return [name for name in self.description["outputs"] if name not in told]

    @property
    def unread(self) -> list[str]:
        """The constants that no function has read, but for those of informative arrays alone."""
        found = []
        for names in self.constants.unread():
            section = names[0]
            own = {n for n in self.arrays if n == section or n.startswith(f"{section}_")}
            if not own & self._informative or own.intersection(self.outputs):
                found.append(".".join(names))
        return found

    @property
    def _informative(self) -> set[str]:
        arrays = self.description.get("arrays", {})
        return {name for name, each in arrays.items() if each.get("informative")}

    def __contains__(self, name: str) -> bool:
        """Tells whether array ``name`` is stored."""
        return name in self.arrays

    def __getitem__(self, name: str) -> torch.Tensor:
        """Returns array ``name`` as a tensor; floating arrays have the case's dtype."""
        tensor = torch.from_numpy(np.array(self.arrays[name]))
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    def number(self, name: str) -> Any:
        """Returns the scalar array ``name`` as a Python number."""
        return self.arrays[name].item()

    def other(self, name: str) -> "Case":
        """Returns the case ``name`` of the same folder, at the same dtype."""
        return Case(self.path.parent / f"{name}.json", self.dtype)

    def tolerance(self, name: str) -> float:
        """Returns the tolerance of array ``name`` at the case's dtype."""
        own = self.description.get("arrays", {}).get(name, {}).get("tolerance")
        key = "float64" if self.dtype == torch.float64 else "float32"
        return (own or self.description["tolerance"])[key]


Solver = Callable[[Case], dict[str, Any]]


@dataclass(frozen=True)
class CaseComparison:
    """The worst array of one case at one dtype; ``excess`` is error over tolerance."""

    case: str
    dtype: str
    array: str
    error: float
    tolerance: float
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Tells whether every array of the case is within its tolerance."""
        return self.is_empty or (not self.problem and self.error <= self.tolerance)

    @property
    def is_empty(self) -> bool:
        """Tells whether there was nothing to compare: images to look at, a missing library."""
        return not self.array


def compare_case(case: Case, solver: Solver | None) -> CaseComparison:
    """Runs ``solver`` on ``case`` and returns its worst array.

    A missing solver, a missing output, a constant that the solver does not read or an exception is
    a miss, never a pass; a solver whose library is not installed compares nothing, and the problem
    says so.
    """
    dtype = str(case.dtype).removeprefix("torch.")
    if not case.outputs:
        return CaseComparison(case.name, dtype, "", 0.0, 0.0)
    if solver is None:
        return CaseComparison(case.name, dtype, "-", np.inf, 0.0, "no function of ours serves it")
    try:
        got = solver(case)
    except MissingLibrary as error:
        return CaseComparison(case.name, dtype, "", 0.0, 0.0, str(error))
    except Exception as error:  # a broken solver is a miss to be reported with the others
        return CaseComparison(
            case.name, dtype, "-", np.inf, 0.0, f"{type(error).__name__}: {error}"
        )
    missing = [name for name in case.outputs if name not in got]
    if missing:
        return CaseComparison(case.name, dtype, missing[0], np.inf, 0.0, "not computed")
    if unread := ", ".join(case.unread):
        problem = f"constants that no function of ours reads: {unread}"
        return CaseComparison(case.name, dtype, "-", np.inf, 0.0, problem)
    rows = [_compare_array(case, dtype, name, got[name]) for name in case.outputs]
    return max(rows, key=lambda row: (not row.ok, row.error / max(row.tolerance, 1e-300)))


def _compare_array(case: Case, dtype: str, name: str, value: Any) -> CaseComparison:
    stored = case.arrays[name]
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    tolerance = case.tolerance(name)
    if array.shape != stored.shape:
        problem = f"shape {array.shape}, stored {stored.shape}"
        return CaseComparison(case.name, dtype, name, np.inf, tolerance, problem)
    elementwise = "element by element" in case.description.get("tolerance_note", "")
    error = _error(array, stored, case.dtype == torch.float64, elementwise)
    return CaseComparison(case.name, dtype, name, error, tolerance)


def _error(got: np.ndarray, stored: np.ndarray, relative: bool, elementwise: bool) -> float:
    if stored.size == 0:
        return 0.0
    if not np.issubdtype(stored.dtype, np.floating):
        return 0.0 if np.array_equal(got, stored) else np.inf
    if not np.array_equal(np.isnan(got), np.isnan(stored)):
        return np.inf
    difference = np.abs(np.nan_to_num(got.astype(np.float64)) - np.nan_to_num(stored))
    if not relative:
        return float(difference.max())
    magnitude = np.abs(np.nan_to_num(stored))
    scale = magnitude if elementwise else np.full_like(magnitude, magnitude.max())
    # The floor forgives what is smaller than 1e-12 in absolute terms.
    beyond = np.clip(difference - ABSOLUTE_FLOOR, 0.0, None)
    ratio = np.divide(beyond, scale, out=np.full_like(beyond, np.inf), where=scale > 0)
    return float(np.where(beyond == 0, 0.0, ratio).max())


def run_cases(folder: Path, solvers: dict[str, Solver]) -> Iterator[CaseComparison]:
    """Yields one comparison a case of ``folder`` and dtype (float64, then float32).

    A case that does not load is a miss like any other.

    Raises:
        DataError: If ``folder`` holds no case.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise DataError(f"{folder}: no reference values (*.json with *.npz) here")
    for path in paths:
        for dtype in (torch.float64, torch.float32):
            yield _compare_file(path, dtype, solvers.get(path.stem))


def _compare_file(path: Path, dtype: torch.dtype, solver: Solver | None) -> CaseComparison:
    try:
        return compare_case(Case(path, dtype), solver)
    except DataError as error:
        problem = str(error)
    except (KeyError, TypeError, AttributeError) as error:  # JSON of another form
        problem = f"{path}: describes no case: {type(error).__name__}: {error}"
    return CaseComparison(path.stem, str(dtype).removeprefix("torch."), "-", np.inf, 0.0, problem)


def solvers_of(name: str) -> dict[str, Solver]:
    """Returns the functions that serve the cases of a paper, or of one of `PARTS`.

    Raises:
        UsageError: If there is neither.
        DataError: The paper's file cannot be imported.
    """
    if name in PARTS:
        return dict(import_module(f"common.results.reference.{name}").CASES)
    paper = get_paper(name)
    try:
        return dict(paper.part("reference").CASES)
    except (ImportError, AttributeError) as error:
        file = f"{paper.package.replace('.', '/')}/reference.py"
        raise DataError(f"{file}: cannot be imported: {error}") from None


def report_parity(paper: str | None, cases: Path | None, console: Console) -> None:
    """Prints the comparison of every case; ``cases`` may hold the cases or one folder a paper.

    ``paper`` may also be a part that is no paper, such as ``text_modality``.

    Raises:
        LikewiseError: If any case misses; exit code 1.
        UsageError: If there is no folder of cases for ``paper``.
    """
    names = [paper.lower()] if paper else [*paper_names(), *PARTS]
    solvers = {name: solvers_of(name) for name in names}
    root = cases or STORED
    rows: list[tuple[str, CaseComparison]] = []
    for name in names:
        folder = root / name if (root / name).is_dir() else root
        if not folder.is_dir() or (folder == root and (not paper or not any(root.glob("*.json")))):
            if paper:
                raise UsageError(f"{root}: no reference values of {name}; give --cases DIR")
            continue
        rows += [(name, row) for row in run_cases(folder, solvers[name])]
    for name, case, why in sorted({(n, r.case, r.problem) for n, r in rows if r.is_empty}):
        console.print(f"none  {name}/{case}: {why or 'nothing to compare'}", soft_wrap=True)
    rows = [(name, row) for name, row in rows if not row.is_empty]
    if not rows:
        raise UsageError(f"{root}: no reference values; give --cases DIR")
    for name, row in rows:
        verdict = "ok  " if row.ok else "MISS"
        console.print(
            f"{verdict}  {name + '/' + row.case:<34} {row.dtype}  error {_error_text(row.error)}  "
            f"tolerance {row.tolerance:.0e}  {row.array} {row.problem}",
            soft_wrap=True,
        )
    missed = [f"{name}/{row.case} ({row.dtype})" for name, row in rows if not row.ok]
    if missed:
        raise LikewiseError(f"{len(missed)} of {len(rows)} comparisons miss: {', '.join(missed)}")
    console.print(f"all {len(rows)} comparisons within tolerance")


def _error_text(error: float) -> str:
    return f"{error:.1e}" if error else f"<{ABSOLUTE_FLOOR:.0e}"


def find_function(words: str) -> Solver:
    """Imports the function ``MODULE:NAME``, from the current folder too.

    Raises:
        UsageError: There is none, or it has no docstring, which the case tells as its call.
    """
    if os.getcwd() not in sys.path:  # where a console script does not look
        sys.path.append(os.getcwd())
    try:
        found: Callable[..., Any] = pkgutil.resolve_name(words)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"--function {words}: not found as MODULE:NAME: {error}") from None
    if not callable(found) or not inspect.getdoc(found):
        raise UsageError(f"--function {words}: must be a function whose docstring says the call")
    return found


def write_case(target: Path, words: str, inputs: Path, constants: dict[str, Any]) -> None:
    """Writes ``target`` (.json) and the .npz beside it.

    Args:
        target: The case's file, whose stem is its name.
        words: ``MODULE:NAME`` of the function, which takes the case with the inputs alone, in
            float64, and returns the outputs by name.
        inputs: The npz of the arrays it reads.
        constants: What it reads beside them, in plain values.

    Raises:
        UsageError: As `find_function`.
        DataError: Inputs that are not readable, or outputs that are no arrays of float64.
    """
    given, function = read_arrays(inputs), find_function(words)
    call = " ".join((inspect.getdoc(function) or "").split())
    description: dict[str, Any] = {
        "call": f"{words}: {call}",
        "tolerance": TOLERANCE,
        "outputs": [],
        "constants": constants,
    }
    with TemporaryDirectory() as folder:  # a function reads its case as it will be read later
        draft = Path(folder) / target.name
        _write(draft, description, given)
        outputs = _as_arrays(function(Case(draft)), words)
    if both := sorted(outputs.keys() & given.keys()):
        raise DataError(f"{words}: {both[0]}: is an input and an output; give one another name")
    arrays = given | outputs
    described = {
        name: {"shape": [*array.shape], "dtype": str(array.dtype)} for name, array in arrays.items()
    }
    _write(target, description | {"outputs": [*outputs], "arrays": described}, arrays)


def _as_arrays(found: Any, words: str) -> Arrays:
    """Returns a function's outputs as arrays; a float32 would hold its rounding for good."""
    if not isinstance(found, dict) or not found:
        raise DataError(f"{words}: must return its outputs in a dict, by name")
    arrays = {}
    for name, value in found.items():
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind not in "fiub" or (array.dtype.kind == "f" and array.itemsize < 8):
            raise DataError(f"{words}: {name}: is {array.dtype}; must be float64, whole or true")
        arrays[str(name)] = array
    return arrays


def _write(path: Path, description: dict[str, Any], arrays: Arrays) -> None:
    write_atomic(path.with_suffix(".npz"), npz_bytes(arrays))
    write_atomic(path, json.dumps(description, indent=1, ensure_ascii=False) + "\n")
