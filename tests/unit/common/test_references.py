"""Names of recipes: what they leave out, and what is told of a file or of an unknown one."""

import pytest

from common import references
from common.config import load_recipe
from common.errors import UsageError
from common.references import recipe_names, split_reference


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
