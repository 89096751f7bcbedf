"""Names of recipes: what they leave out, and what is told of a file or of an unknown one."""

import re

import pytest

from common import references
from common.checkout import SOURCE_ROOT
from common.config import load_recipe
from common.errors import ConfigError, UsageError
from common.references import recipe_names, split_reference

NEEDED = (
    "evaluation.protocols: name at least one of knn, linear, few-label, finetune, linear-sgd in a "
    "list, such as [knn]"
)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Makes ``own`` swav's only recipe."""
    monkeypatch.setattr(references, "CONFIG_ROOT", tmp_path)
    (tmp_path / "swav").mkdir()
    (tmp_path / "swav" / "own.yaml").write_text("variants: {long: {}, empty: }\n")


def test_the_recipes_of_a_paper_are_the_files_of_its_folder(own):
    assert recipe_names("swav") == ["own"] and recipe_names("meow") == []


def test_what_a_reference_leaves_out_is_the_default():
    assert split_reference("swav") == ("swav", "quick", None)
    assert split_reference("SwAV/quick:") == ("swav", "quick", None)
    assert split_reference("mclrec/beauty:joint") == ("mclrec", "beauty", "joint")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("swaw/own", "unknown paper 'swaw'; did you mean 'swav'"),
        ("swav/owl", "swav has no recipe 'owl'; did you mean 'own'"),
        ("swav/own:lang", r"own\.yaml has no variant 'lang'; did you mean 'long'"),
        ("swav/own:xyz", "known: empty, long"),
        ("configs/swav/own.yaml", "by its name; write swav/own$"),
        (
            "/else/mine.yaml",
            "and its file is .*/PAPER/RECIPE.yaml: put yours",
        ),
        ("./mine", "by its name, PAPER/RECIPE"),
        ("configs/swav/own.yaml:long", "by its name; write swav/own:long$"),
        ("configs/swav/own", "by its name; write swav/own$"),
        ("configs/swaw/own", "by its name, PAPER/RECIPE"),
        ("own.yaml", r"^own\.yaml: a recipe is given by its name, PAPER/RECIPE"),
    ],
)
def test_an_unknown_reference_offers_the_nearest(reference, message, own):
    with pytest.raises(UsageError, match=message):
        load_recipe(reference)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("configs/meow/quick.yaml", "a second recipe; write meow/quick in place of swav/quick"),
        ("configs/swav/cifar10.yml:cpu", "a second recipe; write swav/cifar10:cpu in place of "),
        ("meow/quick", "a second recipe; write meow/quick in place of swav/quick"),
        ("cifar10", "a second recipe; write swav/cifar10 in place of swav/quick"),
        ("configs/meow/quik.yaml", "a recipe is given by its name, PAPER/RECIPE, and its file is"),
        ("./mine", "a recipe is given by its name, PAPER/RECIPE, and its file is"),
        ("meow/quik", "is not key=value"),
        ("seed", "is not key=value"),
    ],
)
def test_a_recipe_after_a_recipe_is_told_where_it_stands(word, message):
    with pytest.raises(UsageError, match=rf"^'?{re.escape(word)}'?:? {message}"):
        load_recipe("swav/quick", ["seed=1", word])


def test_a_file_as_a_value_is_none():
    assert load_recipe("swav/quick", ["tracking.name=meow/quick.yaml"]).tracking.name[:4] == "meow"


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
@pytest.mark.parametrize("text", ["", "# all\n", "---\n", "null\n", "{}\n", "\n\n"])
def test_an_empty_recipe_is_refused_by_its_file_with_what_it_needs(text, own, tmp_path):
    path = tmp_path / "swav" / "own.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_recipe("swav/own", ["evaluation.protocols=[knn]"])
    assert str(caught.value) == f"{path}: the recipe is empty; {NEEDED}"
    path.write_text("evaluation: {protocols: [knn]}")  # as it says
    assert load_recipe("swav/own").evaluation.protocols == ["knn"]


@pytest.mark.parametrize("text", ["seed: 3", "variants: {a: {seed: 3}}", "paper: swav"])
def test_a_recipe_without_a_protocol_is_refused_by_its_file_with_what_it_needs(text, own, tmp_path):
    path = tmp_path / "swav" / "own.yaml"
    path.write_text(text)
    for words, origin in ([], path), (["evaluation.protocols=[]"], "command line"):
        with pytest.raises(ConfigError) as caught:
            load_recipe("swav/own", words)
        assert str(caught.value) == f"{origin}: {NEEDED}"


def test_the_recipe_of_another_paper_is_refused_by_its_file_with_its_place(own, tmp_path):
    path = tmp_path / "swav" / "own.yaml"
    # Its keys are no longer what is told: data.top_k is none of swav's.
    path.write_bytes((SOURCE_ROOT / "configs/meow/quick.yaml").read_bytes())
    said = 'paper: the recipe is of "meow", asked for swav; ask for meow/RECIPE, whose file is in '
    with pytest.raises(ConfigError) as caught:
        load_recipe("swav/own")
    assert str(caught.value) == f"{path}: {said}{tmp_path / 'meow'}, or write paper: swav"


@pytest.mark.parametrize(
    ("text", "word", "message"),
    [
        ("paper: swaw", "seed=1", r'own\.yaml: paper: .* of "swaw", .* swav; write paper: swav$'),
        ("paper: [a]", "seed=1", r'own\.yaml: paper: the recipe is of \["a"\], asked for swav'),
        (
            "paper: swav",
            "paper=meow",
            r'command line: paper="meow": the recipe asked for is of swav; name one of meow in its '
            r"place \(papers list meow\), or leave paper= out$",
        ),
        ("paper: swav", "paper=[a]", r'paper=\["a"\]: the recipe .* is of swav; leave paper= out$'),
        ("seed: 1", "paper=", "paper=null: the recipe asked for is of swav; leave paper= out$"),
        ("seed: 1", "paper=null", "paper=null: .* is of swav; leave paper= out$"),
        ("paper:", "seed=1", r"own\.yaml: paper: the recipe is of null, .*; write paper: swav$"),
        ("variants: {a: {paper: meow}}", "seed=1", 'variant a: paper: the recipe is of "meow"'),
    ],
)
def test_a_paper_that_is_not_the_one_asked_for_is_told_by_its_place(
    text, word, message, own, tmp_path
):
    (tmp_path / "swav" / "own.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe("swav/own:a" if "variants" in text else "swav/own", [word])
