"""Files of steps: what is written is read, what was edited is refused, what differs is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.steps.file_format import (
    Steps,
    StepsError,
    differing_numbers,
    extend,
    read_steps,
    write_steps,
)


def make(values: dict[str, list[float | None]], ill_conditioned: list[str] | None = None) -> Steps:
    steps = Steps(
        paper="swav",
        config="0123456789",
        batches=10,
        epochs=2,
        shape={"samples": 5},
        versions={"torch": "2"},
        orders=["0 1 abc"],
        names={"state": ["head.weight", "head.bias"]},
        values=values,
        ill_conditioned=ill_conditioned or [],
    )
    return replace(steps, id=steps.digest())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    steps = make({"late/state": [1 / 3, 1e-300], "late/losses": [0.1, None]})
    write_steps(steps, tmp_path / "steps.json")
    assert read_steps(tmp_path / "steps.json") == steps


@pytest.mark.parametrize(
    ("old", "new"), [("0.125", "0.25"), ('"version": 1', '"version": 2'), ('"batches": 10,', "")]
)
def test_an_edited_file_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "steps.json"
    write_steps(make({"late/losses": [0.125]}), path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(StepsError):
        read_steps(path)


def test_versions_are_no_content() -> None:
    steps = make({"late/losses": [0.125]})
    assert replace(steps, versions={"torch": "3"}).digest() == steps.id


def test_what_differs_is_named_and_what_is_ill_conditioned_is_not() -> None:
    stored = make(
        {"late/state": [1.0, 1e-16], "start/state": [1.0, None]}, ["late/state head.bias"]
    )
    now = make({"late/state": [1.0 + 1e-9, 3e-16], "start/state": [1.0, None]})
    assert differing_numbers(stored, now) == []
    now = make({"late/state": [1.0 + 2e-8, 3e-16], "start/state": [1.0, 0.0]})
    assert differing_numbers(stored, now) == ["late/state head.weight", "start/state head.bias"]


def test_a_point_that_went_is_named() -> None:
    stored = make({"late/state": [1.0, 1.0], "start/losses": [1.0]})
    assert differing_numbers(stored, make({"late/state": [1.0, 1.0]})) == ["start/losses 0: gone"]


def test_what_is_added_is_no_difference_and_is_stored_under_the_same_id(tmp_path: Path) -> None:
    stored = make({"late/state": [1.0, 2.0]}, ["late/state head.bias"])
    now = replace(
        make({"early/losses": [5.0], "late/state": [4.0, 3.0, 1.0 + 1e-9]}),
        names={"state": ["queue", "head.bias", "head.weight"]},
        orders=["0 1 abc", "1 0 def"],
        ill_conditioned=["late/state queue"],
    )
    assert differing_numbers(stored, now) == []
    both = extend(stored, now)
    write_steps(both, tmp_path / "steps.json")
    found = read_steps(tmp_path / "steps.json")
    assert found.id == stored.id != found.extended
    assert found.values == {"early/losses": [5.0], "late/state": [4.0, 2.0, 1.0]}
    assert found.ill_conditioned == ["late/state head.bias", "late/state queue"]
    assert "early/losses 0" in differing_numbers(
        found, replace(now, values={**now.values, "early/losses": [6.0]})
    )
    assert extend(found, now) == found
