import io

from rich.console import Console
from typer.testing import CliRunner

from common.cli import verify as command
from common.cli.main import app
from common.results.ledger import Check, Ledger


def test_without_a_terminal_each_file_of_steps_has_a_line(monkeypatch, tmp_path):
    def check_paper(paper, root, store, others, advance, *_):
        for done in (1, 2):
            advance(done, 2)
        return Ledger(paper=paper), Check(agree=[])

    monkeypatch.setattr(command, "check_paper", check_paper)
    console = Console(file=io.StringIO(), width=200)
    command.verify_paper("swav", False, console, tmp_path)
    assert [line.split(",")[0] for line in console.file.getvalue().splitlines()[:2]] == [
        "  stored steps 1/2",
        "  stored steps 2/2",
    ]


def test_a_paper_in_capitals_is_the_paper(monkeypatch):
    asked = []
    monkeypatch.setattr(
        command, "verify_paper", lambda *words, only_new: asked.append((*words[:2], only_new))
    )
    for words in (["SwAV"], ["swav", "--new"]):
        assert CliRunner().invoke(app, ["verify", *words]).exit_code == 0
    assert asked == [("swav", False, False), ("swav", True, True)]
