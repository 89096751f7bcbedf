"""What `papers doctor` prints of findings."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from common.cli.doctor import diagnose
from common.config.recipe import load_recipe
from common.doctor import findings
from common.doctor import look as looks
from common.doctor.findings import ABOVE, Finding

LOW = Finding("rate-too-low", "weights moved by 0.1 %", "optimizer.lr=1")
LED_TO = Finding("chance-level", "the loss is 5", ABOVE)
ALIKE = Finding("duplicates", "90% of the images repeat others", "data.path without the copies")


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What is printed of findings of a run with overrides."""

    def says(found, *words):
        recipe = load_recipe("amcl/quick", list(words))
        (tmp_path / "config.yaml").touch()
        monkeypatch.setattr(looks, "look", lambda run: SimpleNamespace(recipe=recipe))
        monkeypatch.setattr(findings, "findings_in", lambda look: found)
        console = Console(file=io.StringIO(), width=200)
        diagnose(tmp_path, False, console)
        return console.file.getvalue()

    return says


@pytest.mark.parametrize(
    ("found", "together"), [([LOW, LED_TO], False), ([LOW, ALIKE], True), ([LOW], False)]
)
def test_advice_of_several_findings_belongs_together(found, together, said):
    text = said(found)
    assert all(one.advice in text for one in found)
    assert text.count("try them in one run") == together
    assert "This run changes" not in text


@pytest.mark.parametrize("found", [[LOW], []])
def test_what_the_run_changes_of_its_recipe_is_named(found, said):
    text = said(found, "optimizer.lr=6", "trainer.epochs=2")
    assert "This run changes its recipe amcl/quick: optimizer.lr=6.0. Where you chose" in text
