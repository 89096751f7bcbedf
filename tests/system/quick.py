"""What `quick` must reach: runs a recipe in this process, and holds records to quick_bars.yaml."""

import io
import operator
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from common.config.recipe import load_recipe
from common.results.record import Record
from common.runs.folder import new_run
from common.runs.run import prepare_run, train
from common.training.fit import Experiment

BARS: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("quick_bars.yaml").read_text(encoding="utf-8")
)
COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
OPERATOR = re.compile(r" ([<>]=?) ")
OPERAND = re.compile(r"(?:(?P<times>[\d.]+) \* )?(?P<word>\S+)(?: (?P<plus>[+-] [\d.]+))?")
METHOD = "method"


def run_ready(reference: str, folder: Path, *words: str) -> tuple[Record, Experiment]:
    """Trains and evaluates, untracked; returns the record, and what was trained."""
    ready = prepare_run(load_recipe(reference, ["tracking.mode=disabled", *words]))
    record = train(ready, new_run(ready.recipe, folder), Console(file=io.StringIO()))
    assert record is not None
    return record, ready


def run_arm(paper: str, arm: str, seed: int, folder: Path) -> Record:
    """Returns the record of an arm of the table: the method, a variant, or words beside `quick`."""
    words = [*BARS[paper].get("words", []), f"seed={seed}"]
    if "=" in arm:
        return run_ready(f"{paper}/quick", folder, *words, arm)[0]
    reference = f"{paper}/quick" + ("" if arm == METHOD else f":{arm}")
    return run_ready(reference, folder, *words)[0]


class Found:
    """What was measured on one seed, by the records of its arms."""

    def __init__(self, paper: str, records: dict[str, Record]) -> None:
        self.table = BARS[paper]
        self.records = records

    def beside(self, arm: str) -> dict[str, dict[str, float | None]]:
        """Returns the metrics of all that ``arm`` can be compared with, itself among them.

        A reference is the arm's own where it measured one, and otherwise the method's.
        """
        found: dict[str, dict[str, float | None]] = {}
        for name in (METHOD, arm):
            found |= self.records[name].references if name in self.records else {}
        return found | {name: record.metrics for name, record in self.records.items()}

    def value(self, arm: str, metric: str, text: str) -> float:
        """Returns what an operand of a line on ``arm`` stands for."""
        parts = OPERAND.fullmatch(text)
        assert parts, text
        known, word = self.beside(arm), parts["word"]
        if re.fullmatch(r"[\d.]+", word):
            value: float | None = float(word)
        elif word in known:
            value = known[word][f"test/{metric}"]
        else:
            value = known[arm][f"test/{word}"]
        assert value is not None, f"{arm}: {text}: measured, but without a value"
        return value * float(parts["times"] or 1) + float((parts["plus"] or "0").replace(" ", ""))

    def holds(self, arm: str, line: str) -> bool:
        """Tells whether each comparison of a line such as ``a >= 0.5 > untrained`` holds."""
        first, *rest = OPERATOR.split(line)
        values = [self.value(arm, first, text) for text in (first, *rest[1::2])]
        assert len(values) > 1, line
        pairs = zip(values, rest[::2], values[1:], strict=False)
        return all(COMPARE[sign](left, right) for left, sign, right in pairs)

    def missed(self, arm: str) -> set[str]:
        """Returns the metrics whose bars the arm misses; one that it did not measure is missed."""
        known = self.beside(arm)[arm]
        found, measured = set(), 0
        for bar in self.table["bars"]:
            metric = bar.split()[0]
            measured += f"test/{metric}" in known
            if known.get(f"test/{metric}") is None or not self.holds(arm, bar):
                found.add(metric)
        assert measured, f"{arm}: measured none of the bars' metrics"
        return found

    def agrees(self, arm: str, line: str) -> bool:
        """Tells whether a line of the table is true of ``arm``."""
        bars = {bar.split()[0] for bar in self.table["bars"]}
        if line == "passes":
            return not self.missed(arm)
        if line == "misses a bar":
            return bool(self.missed(arm))
        if line == "misses every bar":
            return self.missed(arm) == bars
        if line.startswith("misses "):
            named = set(line.split()[1:])
            assert named <= bars, line
            return named <= self.missed(arm)
        return self.holds(arm, line)

    def false(self, lines: Iterable[tuple[str, str]]) -> list[str]:
        """Returns those of (arm, line) that are not true, with the arm's numbers."""
        return [
            f"{arm}: {line}: {self.beside(arm)[arm]}"
            for arm, line in lines
            if not self.agrees(arm, line)
        ]


def lines_on(paper: str, *names: str) -> list[tuple[str, str]]:
    """Returns (arm, line) of these parts of a paper's table."""
    table = BARS[paper]
    own = {METHOD: [*table["bars"], *table.get("margins", [])]}
    parts = [own if name == METHOD else table.get(name, {}) for name in names]
    return [
        (arm, line)
        for part in parts
        for arm, section in part.items()
        for line in ([section] if isinstance(section, str) else section)
    ]
