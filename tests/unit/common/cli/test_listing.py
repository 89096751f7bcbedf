import io
import re
import shutil

import pytest
from rich.console import Console

from common.cli.info import PARTS, print_info, recipe_header
from common.cli.listing import print_papers
from common.config import references
from common.config.references import recipe_path
from common.errors import ConfigError, UsageError
from common.paper import get_paper, paper_names
from tests.recipes import EVERY, list_recipes

pytestmark = pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=60)


@pytest.fixture
def listed(console, tmp_path, monkeypatch):
    """Returns a function that lists papers where no data are, as words between single blanks."""
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path))

    def listed(only=None):
        print_papers(console, only)
        return " ".join(console.file.getvalue().split())

    return listed


def test_the_list_has_every_recipe_apart_by_whether_its_data_are_here(listed, console):
    text = listed()
    for paper in paper_names():
        block = text.partition(f"{paper} {get_paper(paper).title} ready: ")[2]
        ready = re.split(" your files: | no data yet: ", block.split(" variants")[0])[0]
        assert "quick" in ready
        for recipe in list_recipes(paper):
            assert recipe in block.split(" variants")[0].replace(",", "").split()
    assert "meow Heter" in text and "ready: quick, scale no data yet: acm, aminer," in text
    assert f"{len([n for n in EVERY if n.startswith('swav/') and ':' in n])} variants" in text
    assert "variants: papers list PAPER" in text
    assert "papers train PAPER/RECIPE[:VARIANT] [KEY=VALUE]..." in text
    assert len(console.file.getvalue().splitlines()) < 8 * len(paper_names()), "60 columns wide"


def test_a_method_that_papers_share_has_no_list_of_its_own(listed):
    with pytest.raises(UsageError, match=r"^SimCLR: .* papers info simclr lists"):
        listed("SimCLR")


def test_the_list_of_one_paper_has_every_variant_and_the_state_of_its_data(listed):
    text = listed("SwAV")
    for reference in EVERY:
        paper, recipe, variant = re.fullmatch(r"(\w+)/([^:]+):?(.*)", reference).groups()
        if paper == "swav":
            assert f"swav/{recipe} data" in text and variant in text
        else:
            assert f"{paper}/{recipe}" not in text
    assert "swav/quick data scattered-digits: built in" in text
    assert "swav/imagenet data imagenet: no" in text


@pytest.fixture
def meow(tmp_path, monkeypatch):
    """Returns the folder of MEOW's recipes, a copy of which is all that the lists see of it."""
    folder = tmp_path / "configs" / "meow"
    shutil.copytree(references.CONFIG_ROOT / "meow", folder)
    monkeypatch.setattr(references, "CONFIG_ROOT", tmp_path / "configs")
    monkeypatch.setattr("common.cli.leaderboard.print_our_numbers", lambda *_: None)
    return folder


@pytest.fixture
def broken(meow):
    """Breaks two of MEOW's recipes."""
    (meow / "acm.yaml").write_text("# A title.\ndata: {name: [\n")
    dblp = meow / "dblp.yaml"
    dblp.write_text(dblp.read_text().replace("temperature", "temprature"))


BROKEN = r"^meow/acm, meow/dblp do not load; .*: papers train meow/acm --print-config"


@pytest.mark.parametrize("only", [None, "meow"])
def test_a_broken_recipe_is_listed_with_its_error_beside_the_others(only, broken, listed, console):
    with pytest.raises(ConfigError, match=BROKEN):
        listed(only)
    text = " ".join(console.file.getvalue().split())
    for name, error in (
        ("acm", "not readable as YAML: while parsing"),
        ("dblp", "unknown key 'method.temprature'"),
    ):
        shown = f"meow/{name} does not load: " if only else f"does not load: {name}: "
        assert error in text.replace("/ ", "/").partition(shown)[2].partition("does not load:")[0]
    assert "aminer" in text and "quick" in text and "papers train PAPER/RECIPE" in text
    assert "expected" not in text, "of an error the first line alone"


def test_a_papers_page_shows_a_broken_recipe_and_all_others(broken, console):
    with pytest.raises(ConfigError, match=BROKEN):
        print_info("meow", ["recipes"], console)
    text = console.file.getvalue()
    assert "A title." in text and "meow/aminer" in text
    assert "does not load: " in text.partition("meow/acm")[2].partition("A title.")[0]
    with pytest.raises(ConfigError, match=BROKEN):
        print_info("meow", [], console)
    assert "does not load:" in console.file.getvalue().partition("start with:")[2]
    print_info("swav", ["recipes"], console)  # another paper's is none of its business
    print_info("meow/quick", ["recipes"], console)


def test_a_recipe_that_was_asked_for_and_does_not_load_is_told_once_and_in_whole(broken, console):
    with pytest.raises(ConfigError, match=r"temprature.*temperature"):
        print_info("meow/dblp", [], console)
    assert console.file.getvalue() == ""


def test_what_several_variants_share_is_told_once(meow, console):
    quick = meow / "quick.yaml"
    both = "  a: {trainer: {epoch: 3}}\n  b: {trainer: {epoch: 4}}\n"
    quick.write_text(quick.read_text() + both)
    with pytest.raises(ConfigError):
        print_info("meow/quick", ["recipes"], console)
    assert console.file.getvalue().count("trainer.epoch'") == 1


def show_recipes(console, paper):
    print_info(paper, ["recipes"], console)


@pytest.mark.parametrize("show", [print_papers, show_recipes])
def test_a_file_that_is_no_text_and_a_folder_are_broken_recipes(show, meow, console):
    (meow / "latin.yaml").write_bytes(b"# Tit\xe9 of latin\npaper: meow\n")
    (meow / "folder.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"^meow/folder, meow/latin do not load; "):
        show(console, "meow")
    text = " ".join(console.file.getvalue().split())
    assert "meow/folder does not load: " in text and "meow/latin does not load: " in text
    assert "meow/aminer" in text


def test_a_recipes_page_shows_which_of_its_variants_are_broken(meow, console):
    quick = meow / "quick.yaml"
    quick.write_text(quick.read_text() + "  bad: {trainer: {epoch: 3}}\n")
    with pytest.raises(
        ConfigError, match=r"^meow/quick:bad does not load; .*: papers train meow/quick:bad "
    ):
        print_info("meow/quick", ["recipes"], console)
    text = " ".join(console.file.getvalue().split())
    assert "does not load: bad: unknown key 'trainer.epoch'" in text
    assert "uniform, " in text
    print_papers(console, "meow")  # in the lists of a whole paper variants are not tried
    print_info("meow", ["recipes"], console)


def test_a_papers_page_is_found_whatever_the_case_of_its_name(console):
    print_info("SwAV/quick", ["recipes"], console)
    assert "swav/quick" in console.file.getvalue()


@pytest.mark.parametrize("paper", paper_names())
def test_a_papers_page_says_what_it_does_and_fits_a_screen(paper):
    console = Console(file=io.StringIO(), width=80)
    print_info(paper, [], console)
    text = " ".join(console.file.getvalue().split())
    summary = get_paper(paper).summary
    assert 40 < len(summary.split()) < 110 and summary in text
    assert text.index(summary) < text.index(f"papers train {paper}")
    assert all(f"--{part}" in text for part in PARTS)
    assert all(re.search(rf"\b{recipe}\b", text) for recipe in list_recipes(paper))
    assert len(console.file.getvalue().splitlines()) <= 42


@pytest.mark.parametrize("paper", paper_names())
def test_what_each_recipe_is_and_costs_and_the_bibtex_are_shown_on_request(paper, console):
    print_info(paper, ["bibtex"], console)
    assert console.file.getvalue() == f"{get_paper(paper).bibtex}\n", "it can be piped"
    print_info(paper, ["recipes"], console)
    text = console.file.getvalue()
    for recipe in list_recipes(paper):
        assert f"{paper}/{recipe}" in text
        header = recipe_header(recipe_path(paper, recipe))
        assert header[0] in text
        assert next(line for line in header if line.startswith("Hardware:")) in text
    assert sum("Hardware:" in line for line in text.splitlines()) == len(list_recipes(paper))


def test_a_recipes_page_has_its_whole_header_and_no_other(console, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "common.cli.leaderboard.print_our_numbers", lambda *which: asked.append(which)
    )
    print_info("swav/quick", [], console)
    text = console.file.getvalue()
    assert all(line in text for line in recipe_header(recipe_path("swav", "quick")))
    assert "swav/imagenet" not in text
    print_info("swav/quick:hard-codes", [], console)  # what is trained may be asked about as it is
    assert asked == [("swav", console, "quick")] * 2
    assert console.file.getvalue() == text * 2


def test_a_header_is_the_comment_before_the_first_key_only():
    header = recipe_header(recipe_path("swav", "quick"))
    assert header[0].startswith("SwAV (arXiv 2006.09882)")
    assert header[-1] == "Command: papers train swav"
    assert not any(line.startswith("#") or "paper:" in line for line in header)
    assert "  untrained encoder 50 to 54" in "\n".join(header), "the indentation stays"


def test_a_paper_that_does_not_exist(console):
    with pytest.raises(UsageError, match="'swav'"):
        print_info("swaw", [], console)
    with pytest.raises(UsageError, match=r"'quikc'.*'quick'"):
        print_info("swav/quikc", [], console)
    with pytest.raises(UsageError, match=r"'hard'.*hard-codes"):
        print_info("swav/quick:hard", [], console)
