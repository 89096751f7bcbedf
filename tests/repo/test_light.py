"""What is asked before a run, or refused, answers without torch: `sys.modules` is read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.paper import get_paper, paper_names

ROOT = Path(__file__).resolve().parents[2]
Answers = list[tuple[int, list[str], str]]
HEAVY = ["torch", "lightning", "torchvision", "torch_geometric", "wandb", "sklearn"]
# Seconds. Nothing is timed: it ends a hang, and a loaded machine may take minutes to import.
HANG = 900
# One process answers all: starting one takes longer than most answers. Of each it tells the exit
# code, what it was the first to import, and what stderr says.
PROBE = f"""
import contextlib, io, json, sys
from common.cli.main import main
known, answers = set(), []
for words in json.loads(sys.argv[1]):
    sys.argv, errors, code = ["papers", *words], io.StringIO(), 0
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
    loaded = [name for name in {HEAVY} if name in sys.modules and name not in known]
    known.update(loaded)
    answers.append([code, loaded, errors.getvalue()])
print(json.dumps(answers))
"""
QUESTIONS = [
    ["--help"],
    ["train", "--help"],
    ["list"],
    ["list", "swav"],
    ["info", "swav"],
    ["info", "moco"],
    ["train", "swav", "--print-config"],
    ["data", "list"],
    ["compare", "--help"],
    ["compare", "swav/quick"],
    ["sweep", "--help"],
]
REFUSED = [
    ["train", "swaw"],
    ["train", "swav/quik"],
    ["train", "swav/quick:two-crop"],
    ["train", "swav", "optimizer.lrr=1"],
    ["train", "swav", "optimizer.lr=fast"],
    ["train", "swav", "optimizer.lr=-1"],
    ["train", "swav", "data.name=scattered-digit"],
    ["train", "meow", "baseline=simclr"],
    ["train", "supremix", "baseline=supcon"],
    ["train", "swav", "tracking.name=on"],
    ["train", "swav", "method.queue_length=100"],
    ["train", "swav", "optimizer.lr"],
    ["train", "swav", "quick"],
    ["train", "swav", "--seed", "1"],
    ["train", "swav", "images-that-are-not-there"],
    ["train", "swav", "docs"],
    ["train", "hydra", "pyproject.toml"],
    ["train", "autotcl", "configs/swav"],
    ["trane", "swav"],
    ["data", "verify", "acn"],
    ["data", "prepare", "meow/acm"],
    ["campaign", "none.yaml"],
    ["compare", "nowhere"],
    ["compare", "swav/quick", "meow/dblp"],
    ["compare", "swav/quick", "--metric", "map"],
    ["sweep", "swav/quick", "optimizer.lrr=1,2"],
    ["sweep", "swav/quick", "optimizer.lr=0.1..0.2"],
    ["sweep", "swav/quick", "optimizer.lr=1,2", "--on", "slurm"],
    ["sweep", "swav/quick", "optimizer.lr=1,2", "--on", "local", "--budget", "1h"],
    ["sweep", "swav/quick", "optimizer.lr=1,2", "--slurm", "time=5"],
    ["sweep", "swav/imagenet", "optimizer.lr=1,2", "data.root=nowhere"],
    ["resume", "nowhere"],
    ["evaluate", "nowhere"],
    ["evaluate", "nothing.npz"],
    ["evaluate", "swav/quick", "--weights", "none.pt"],
    ["export", "nowhere"],
    ["recommend", "nowhere"],
    ["embed", "nowhere", "--data", "none"],
    ["explain", "nowhere"],
    ["weights", "get", "swav/quik"],
    ["weights", "get", "swav", "--from", "nowhere"],
    ["weights", "build", "swaw"],
    ["verify", "swaw"],
    ["parity", "swaw"],
    ["parity", "swav", "--cases", "none"],
    ["parity", "swav", "--record", "loss", "--function", "a:b", "--inputs", "none.npz"],
    ["evaluate", "swav/quick", "--weights", "README.md", "--protocol", "knnn"],
    ["train", "swav/quick", "data.name=image-folder", "data.path=nowhere"],
    ["train", "swav/imagenet", "data.root=nowhere"],
    ["train", "swav/cifar10", "data.root=nowhere"],
]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """Returns the answers to `QUESTIONS` and to `REFUSED`, in this order."""
    command = [sys.executable, "-c", PROBE, json.dumps([*QUESTIONS, *REFUSED])]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert result.returncode == 0, result.stderr
    return [tuple(answer) for answer in json.loads(result.stdout.splitlines()[-1])]


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=lambda i: " ".join(QUESTIONS[i]))
def test_questions_are_answered_without_torch(number: int, answers: Answers) -> None:
    code, loaded, errors = answers[number]
    assert (code, loaded) == (0, []), errors


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda i: " ".join(REFUSED[i]))
def test_what_is_refused_is_refused_without_torch(number: int, answers: Answers) -> None:
    code, loaded, errors = answers[len(QUESTIONS) + number]
    assert (code, loaded) == (2, []), errors
    assert errors and "Traceback" not in errors


def test_declaration_and_schema_of_each_paper_are_light() -> None:
    code = "import sys\n"
    for paper in paper_names():  # one that imports torch is the first to be told
        code += f"from papers.{paper} import {get_paper(paper).config_class}\n"
        code += f"if found := {{*{HEAVY}}} & {{*sys.modules}}: sys.exit(f'{paper}: {{found}}')\n"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert result.returncode == 0, result.stderr
