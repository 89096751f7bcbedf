"""What `papers doctor` prints of findings."""

import io

import pytest
from rich.console import Console

from common.cli.doctor import diagnose
from common.doctor import findings
from common.doctor import look as looks
from common.doctor.findings import ABOVE, Finding

LOW = Finding("rate-too-low", "weights moved by 0.1 %", "optimizer.lr=1")
LED_TO = Finding("chance-level", "the loss is 5", ABOVE)
ALIKE = Finding("duplicates", "90% of the images repeat others", "data.path without the copies")


@pytest.mark.parametrize(
    ("found", "together"), [([LOW, LED_TO], False), ([LOW, ALIKE], True), ([LOW], False)]
)
def test_advice_of_several_findings_belongs_together(found, together, tmp_path, monkeypatch):
    (tmp_path / "config.yaml").touch()
    monkeypatch.setattr(looks, "look", lambda run: run)
    monkeypatch.setattr(findings, "findings_in", lambda look: found)
    console = Console(file=io.StringIO(), width=200)
    diagnose(tmp_path, False, console)
    text = console.file.getvalue()
    assert all(one.advice in text for one in found)
    assert text.count("try them in one run") == together
