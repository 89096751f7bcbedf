"""The command as tests call it."""

import sys

import pytest

from common.cli import main as cli


@pytest.fixture
def papers(monkeypatch, tmp_path, capsys):
    """Returns a function that runs `papers` in ``tmp_path``: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIKEWISE_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["papers", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
