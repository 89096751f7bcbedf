"""The numbers that `papers info` prints."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from common.cli.info import print_info
from common.cli.leaderboard import print_our_numbers
from common.config.recipe import load_recipe
from common.errors import UsageError
from common.registry import METHODS
from common.results.groups import Code
from common.results.leaderboard import make_leaderboard
from common.results.record import NO_NUMBER
from common.results.reported import ReportedNumber
from tests.samples import ENTRY

METRICS = [f"test/active_macro_f1_{share}" for share in (20, 40, 60)]


@pytest.fixture
def console():
    return Console(width=80, record=True)


@pytest.fixture
def shown(make_record, monkeypatch, console):
    """Returns a function that prints made-up numbers of SwAV as they are shown at 80 columns."""
    reference = ReportedNumber(value=49.5, margin=1.0, spread=10.25, n=3)
    entry = replace(ENTRY, metrics=dict.fromkeys(METRICS, reference))
    known = [make_record(seed=s, metrics=dict.fromkeys(METRICS, 40.0 + 12 * s)) for s in range(3)]
    hard = make_record(
        variant="hard",
        arm="ablation/hard",
        metrics={f"test/a_metric_{i}": 1 / 3 for i in range(5)},
        run_id="h",
        scaled=True,
        scaled_reason=NO_NUMBER,
    )
    names = ("swav/cifar10", "swav/cifar10:hard")
    hashes = dict.fromkeys(names, "c" * 10)
    code = Code(digests={"swav": "e" * 12}, config_hashes=hashes)
    board = make_leaderboard([entry], [*known, hard], code)
    monkeypatch.setattr("common.cli.leaderboard.read_leaderboard", lambda *_: board)

    def shown(recipe=None):
        print_our_numbers("swav", console, recipe)
        return console.export_text()

    return shown


def test_runs_beside_no_reported_number_have_a_heading_and_no_number_parted_from_its_name(shown):
    assert "other runs:" not in shown() and "ablation/hard" not in shown()
    block = shown("cifar10").partition("other runs:\n")[2].splitlines()
    assert block[0] == "  cifar10:hard  ablation/hard, 1 seed, scaled"
    assert all(re.fullmatch(r"    (a_metric_\d 0\.3333\s*)+", line) for line in block[1:])
    assert len(re.findall("0.3333", "".join(block))) == 5 and len(block) < 5


def test_a_paper_or_recipe_without_numbers_says_so(console, tmp_path):
    print_our_numbers("meow", console, root=tmp_path)
    assert "no reported numbers and no runs of meow yet" in console.export_text()
    print_our_numbers("swav", console, "stl10", tmp_path)
    assert "no reported numbers and no runs of swav/stl10 yet" in console.export_text()


def test_what_was_not_run_and_the_arms_of_a_whole_paper_are_counted(console):
    print_our_numbers("swav", console)
    text = console.export_text()
    line = r"^\d+ reported numbers not run yet: papers/swav/RESULTS\.md$"
    assert re.search(line, text, re.MULTILINE)
    assert "not run " not in text.replace("not run yet", "")
    assert "cifar10-jpeg" in text and "no-equipartition" not in text
    assert re.search(r"^\d+ more arms: papers info swav/RECIPE", text, re.MULTILINE)
    print_our_numbers("swav", console, "cifar10-jpeg")
    text = console.export_text()
    assert "cifar10-jpeg:no-equipartition" in text and "ablation/no-equipartition" in text
    assert "caltech101" not in text and "more arms" not in text


def test_a_part_that_there_is_not_is_refused(console, tmp_path):
    with pytest.raises(UsageError, match=r"simclr: is a method .*, and --bibtex is for"):
        print_info("simclr", ["bibtex"], console)
    file = tmp_path / "mine.yaml"
    file.write_text("paper: swav\n")
    with pytest.raises(UsageError, match=r"^--numbers: a file of yours, .* has none"):
        print_info(str(file), ["numbers"], console)


@pytest.mark.parametrize("kind", METHODS)
def test_a_shared_method_says_what_it_is_and_which_recipes_have_it(kind):
    for method in METHODS[kind]:
        console = Console(width=2000, record=True, file=io.StringIO())
        print_info(method.upper(), [], console)
        said = console.export_text()
        (first, *others) = re.findall(r"\w+/[\w-]+:[\w-]+", said.partition("recipes:")[2])
        assert f"papers train {method}, which is {first}" in said
        assert {load_recipe(name).baseline for name in [first, *others[:2]]} == {method}
