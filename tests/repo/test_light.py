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
    sys.argv, errors, code = ["papers", *words.split()], io.StringIO(), 0
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
    "--help",
    "train --help",
    "list",
    "list swav",
    "info swav",
    "info moco",
    "train swav --print-config",
    "data list",
    "compare --help",
    "compare swav/quick",
    "sweep --help",
]
# What is refused, and what the message names: the place, and the mend.
REFUSED = {
    "train swaw": ("'swaw'", "'swav'"),
    "list swaw": ("'swaw'", "'swav'"),
    "train swav/quik": ("'quik'", "'quick'"),
    "train swav/quick:two-crop": ("'two-crop'", "'two-crops'"),
    "info meow/bad": ("'bad'", "acm, aminer,"),
    "train /some/path.yaml": ("/some/path.yaml", "no such file"),
    "info path.yaml:a": ("path.yaml", "no such file"),
    "train swav lr=1": ("'lr'", "optimizer"),
    "train swav optimizer.lrr=1": ("'optimizer.lrr'", "'optimizer.lr'"),
    "train swav optimizer.lr=fast": ('optimizer.lr="fast"', "number"),
    "train swav optimizer.lr=-1": ("optimizer.lr=-1", "above 0"),
    "train swav data.name=scattered-digit": ("data.name", "'scattered-digits'"),
    "train meow baseline=simclr": ("'simclr'", "meow"),
    "train supremix baseline=supcon": (),
    "train swav tracking.name=on": (),
    "train swav tracking.entity=None": ("tracking.entity", "null"),
    "train swav method.queue_length=100": ("method.queue_length", "0 or 128"),
    "train meow optimizer.schedule=cosine": ("optimizer.schedule", "constant"),
    "train swav optimizer.lr": ("'optimizer.lr'", "key=value"),
    "train swav quick": ("'quick'", "swav/quick"),
    "train swav --seed 1": ("--seed", "seed=1"),
    "train swav images-that-are-not-there": ("'images-that-are-not-there'", "does not exist"),
    "train swav docs": (),
    "train hydra pyproject.toml": (),
    "train autotcl configs/swav": (),
    "trane swav": ("trane", "No such command"),
    "data verify acn": (),
    "data prepare meow/acm": ("'meow/acm'", "acm"),
    "campaign none.yaml": ("none.yaml", "no such campaign file"),
    "compare nowhere": (),
    "compare swav/quick meow/dblp": (),
    "compare swav/quick --metric map": (),
    "sweep swav/quick optimizer.lrr=1,2": (),
    "sweep swav/quick optimizer.lr=0.1..0.2": (),
    "sweep swav/quick optimizer.lr=1,2 --on slurm": (),
    "sweep swav/quick optimizer.lr=1,2 --on local --budget 1h": (),
    "sweep swav/quick optimizer.lr=1,2 --slurm time=5": (),
    "sweep swav/imagenet optimizer.lr=1,2 data.root=nowhere": (),
    "resume nowhere": ("nowhere", "no run folder"),
    "evaluate nowhere": ("nowhere", "--weights FILE"),
    "evaluate .": ("config.yaml",),
    f"evaluate {'long' * 100}": ("long", "--weights FILE"),
    "evaluate nothing.npz": (),
    "evaluate swav/quick --weights none.pt": ("none.pt", "no such file"),
    "export nowhere": (),
    "recommend nowhere": (),
    "embed nowhere --data none": (),
    "embed swav/quick --data x.npz": ("swav/quick", "--weights FILE"),
    "explain nowhere": (),
    "verify swaw": (),
    "parity swaw": (),
    "parity swav --cases none": ("--cases none", "no such folder"),
    "parity swav --record loss --function a:b --inputs none.npz": (),
    "evaluate swav/quick --weights README.md --protocol knnn": (),
    "train swav/quick data.name=image-folder data.path=nowhere": (),
    "train swav/imagenet data.root=nowhere": (),
    "train swav/cifar10 data.root=nowhere": (),
    "train meow/acm data.root=nowhere": ("acm", "papers data prepare acm"),
}


@pytest.fixture(scope="module")
def answers() -> Answers:
    """Returns the answers to `QUESTIONS` and to `REFUSED`, in this order."""
    command = [sys.executable, "-c", PROBE, json.dumps([*QUESTIONS, *REFUSED])]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert result.returncode == 0, result.stderr
    return [tuple(answer) for answer in json.loads(result.stdout.splitlines()[-1])]


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=lambda i: QUESTIONS[i])
def test_questions_are_answered_without_torch(number: int, answers: Answers) -> None:
    code, loaded, errors = answers[number]
    assert (code, loaded) == (0, []), errors


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda i: [*REFUSED][i][:60])
def test_what_is_refused_is_refused_without_torch(number: int, answers: Answers) -> None:
    code, loaded, errors = answers[len(QUESTIONS) + number]
    assert (code, loaded) == (2, []), errors
    assert errors and "Traceback" not in errors
    said = " ".join(errors.replace("│", " ").split())
    assert [part for part in [*REFUSED.values()][number] if part not in said] == [], said


def test_declaration_and_schema_of_each_paper_are_light() -> None:
    code = "import sys\n"
    for paper in paper_names():  # one that imports torch is the first to be told
        code += f"from papers.{paper} import {get_paper(paper).config_class}\n"
        code += f"if found := {{*{HEAVY}}} & {{*sys.modules}}: sys.exit(f'{paper}: {{found}}')\n"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert result.returncode == 0, result.stderr
