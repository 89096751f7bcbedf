"""The documents: every command exists, every link leads somewhere, every paper's page is whole."""

import argparse
import json
import re
import runpy
import shlex
from pathlib import Path

import pytest
import typer

from common.config.recipe import load_recipe
from common.config.references import split_reference
from common.paper import get_paper, paper_names
from common.results.leaderboard import read_leaderboard
from common.results.ledger import STANDINGS
from common.results.pages.leaderboard import STATUSES, VERDICTS
from common.runs.campaign_file import read_campaign

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks" / "README.md"
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("papers/*/*.md"), BENCHMARKS],
    key=lambda path: str(path),
)
# Stand for something that the reader puts in, or for what `papers new` makes.
PLACEHOLDER = re.compile(r"\b(PAPER|RECORD|RECIPE|VARIANT|RUN_DIR|NAME|FILE|PATH|FOLDER|mypaper)\b")
TOOLS = {
    *("pip", "uv", "pytest", "ruff", "mypy", "pre-commit", ".ci/run"),
    *("torchrun", "python", "sbatch", "wandb", "mkdocs"),
}
# Before a command: VARIABLE=value.
ASSIGNMENT = r"[A-Z_]+=.*"


def blocks(path: Path) -> list[str]:
    return re.findall(r"```(?:console|bash|sh)\n(.*?)```", path.read_text(), re.DOTALL)


def commands(path: Path) -> list[list[str]]:
    """Returns each command of the page's console blocks, split into words."""
    found = []
    for line in "\n".join(blocks(path)).replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        part: list[str] = []
        for word in [*words, "&&"]:
            if word == "&&":
                found += [part] if part else []
                part = []
            elif part or not re.fullmatch(ASSIGNMENT, word):
                part.append(word)
    return found


def table_commands(page: str) -> list[list[str]]:
    """Returns the command of each row of the benchmarks' tables; ``...`` goes on with the last."""
    found: list[list[str]] = []
    whole: list[str] = []
    for row in page.splitlines():
        if not row.startswith("| ") or row.startswith("| what "):
            continue
        cell = row.split("|")[2].strip()
        if cell == "the same":
            continue
        words = shlex.split(cell.strip("`")) or ["(no command)"]
        words = words[bool(re.fullmatch(ASSIGNMENT, words[0])) :]
        if words[0] == "...":
            words = whole + words[1:]
        else:
            whole = words
        found.append(words)
    return found


def parse_benchmark(words: list[str]) -> None:
    """Starts ``python -m benchmarks.NAME ...`` and stops it when it has parsed its options."""
    # The script and its options: python benchmarks/NAME.py ... is the same.
    argv = words[2:] if words[1] == "-m" else words[1:]
    module = argv[0].removesuffix(".py").replace("/", ".")
    parse = argparse.ArgumentParser.parse_args

    class ParsedError(Exception):
        pass

    def parse_then_stop(parser: argparse.ArgumentParser) -> None:
        parse(parser)
        raise ParsedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", argv)
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_then_stop)
        with pytest.raises(ParsedError):
            runpy.run_module(module, run_name="__main__")


def parse_papers(words: list[str]) -> None:
    """Parses ``papers ...`` as the command would, without running it."""
    from common.cli.main import app

    command, rest = typer.main.get_command(app), words[1:]
    while hasattr(command, "commands"):
        assert rest and rest[0] in command.commands, f"{' '.join(words)}: unknown {rest[:1]}"
        command, rest = command.commands[rest[0]], rest[1:]
    context = command.make_context(command.name, list(rest))
    reference = context.params.get("reference")
    words = context.params.get("overrides") or context.params.get("words") or []
    if reference and not PLACEHOLDER.search(reference):
        if "PATH" in words:  # the plan says the rest
            get_paper(split_reference(reference)[0])
        else:
            load_recipe(reference, list(words))


CASES = [(path, words) for path in PAGES for words in commands(path)]
CASES += [(BENCHMARKS, words) for words in table_commands(BENCHMARKS.read_text())]


@pytest.mark.parametrize(
    ("path", "words"), CASES, ids=[f"{path.name}: {' '.join(words)}" for path, words in CASES]
)
def test_every_command_exists(path: Path, words: list[str]) -> None:
    if words[0] == "torchrun":
        words = words[words.index("papers") :]
    if words[0] == "papers":
        parse_papers(words)
    elif words[0] == "python":
        parse_benchmark(words)
    else:
        assert words[0] in TOOLS


def test_an_unknown_command_would_be_seen() -> None:
    for line in ("papers trane swav", "papers train nopaper", "papers data prepare"):
        with pytest.raises(BaseException):  # noqa: B017 (typer's own, ours, or the assertion)
            parse_papers(line.split())
    for line in ("python -m benchmarks.view", "python -m benchmarks.views --klock cpu"):
        with pytest.raises((ImportError, SystemExit)):
            parse_benchmark(line.split())


def test_a_row_of_the_benchmarks_goes_on_with_the_command_of_the_last() -> None:
    rows = ("`A=1 python -m x --a 1`", "`... --b 2`", "the same", "`papers list`", "(1 round)")
    page = "\n| what | command |\n|---|---|\n" + "".join(f"| it | {row} |\n" for row in rows)
    assert [" ".join(words) for words in table_commands(page)] == [
        "python -m x --a 1",
        "python -m x --a 1 --b 2",
        "papers list",
        "(1 round)",
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("paper", paper_names())
def test_the_readme_knows_the_paper(paper: str) -> None:
    assert f"(papers/{paper})" in (ROOT / "README.md").read_text()


def test_every_word_of_a_verdict_is_explained() -> None:
    board = read_leaderboard()
    assert {row.verdict.status for row in board.rows} <= STATUSES.keys()
    found = {one.verdict.status for paper in board.papers() for one in board.decisions(paper)}
    assert found <= VERDICTS.keys()
    words = [*STATUSES, *VERDICTS, *STANDINGS]
    page = (ROOT / "LEADERBOARD.md").read_text()
    assert [word for word in words if f"| `{word}` |" not in page] == []


def test_the_first_table_is_that_of_its_record() -> None:
    page = (ROOT / "docs" / "getting_started.md").read_text()
    (named,) = re.findall(r"results/swav/quick-\S+?\.json", page)
    record = json.loads((ROOT / named).read_text())
    columns = record["metrics"], record["references"]["untrained"], record["references"]["raw"]
    (table,) = re.findall(r"this run  untrained    raw\n((?:\w+ +[\d. ]+\n)+)", page)
    rows = {name: values for name, *values in map(str.split, table.splitlines())}
    assert len(rows) == len(record["metrics"])
    for name, values in rows.items():
        assert values == [f"{column[f'test/{name}']:.2f}" for column in columns]


def test_the_example_of_a_campaign_file_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "adding_a_paper.md").read_text()
    (example,) = [b for b in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "\nseeds:" in b]
    path = tmp_path / "mypaper.yaml"
    known = example.replace("no-consistency", "no-equipartition")
    path.write_text(known.replace("mypaper/cifar10", "swav/quick"))
    assert len(read_campaign(path).recipes) == 9
    assert "docs/adding_a_paper.md#6-numbers" in (ROOT / "CONTRIBUTING.md").read_text()
