"""Names and files of recipes: what they leave out, and what is told of an unknown one."""

import pytest

from common.config import references
from common.config.checkout import SOURCE_ROOT
from common.config.recipe import load_recipe, recipe_from_dict
from common.config.references import recipe_names, split_reference
from common.errors import ConfigError, UsageError
from common.results.reported import scaled_reason

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
        ("swaw/own", "'swaw'.*'swav'"),
        ("swav/owl", "'owl'.*'own'"),
        ("swav/own:lang", r"own\.yaml.*'lang'.*'long'"),
        ("swav/own:xyz", "known: empty, long"),
    ],
)
def test_an_unknown_reference_offers_the_nearest(reference, message, own):
    with pytest.raises(UsageError, match=message):
        load_recipe(reference)


def test_a_recipe_on_a_base_is_it_with_its_own_values_and_has_the_variants_of_both(own, tmp_path):
    (tmp_path / "shared.yaml").write_text(
        "data: {batch_size: 32}\nmethod: {backbone: small_conv}\nevaluation: {protocols: [knn]}\n"
        "variants: {simclr: {baseline: simclr, method: {hidden_dim: 8}}}\n"
    )
    whole = "paper: swav\nbase: shared\nmethod: {num_prototypes: 4}\nvariants: {long: {}}\n"
    (tmp_path / "swav" / "own.yaml").write_text(whole)
    recipe, rival = load_recipe("swav/own:long"), load_recipe("swav/own:simclr")
    assert (recipe.data.batch_size, recipe.method.num_prototypes) == (32, 4)
    assert recipe.method.backbone == rival.method.backbone == "small_conv"
    assert rival.method.hidden_dim == 8 and rival.evaluation.protocols == ["knn"]
    (tmp_path / "swav" / "own.yaml").write_text("paper: swav\nbase: sharde\n")
    with pytest.raises(ConfigError, match=r"own\.yaml.*sharde.*'shared'"):
        load_recipe("swav/own")


def test_the_name_of_a_shared_method_is_the_first_recipe_that_has_it():
    assert split_reference("moco") == ("feature_transformation", "quick", "moco")
    assert split_reference("SimSiam") == ("amcl", "photos", "simsiam")
    assert split_reference("clip") == ("contrastive_gap", "quick", "clip")


@pytest.fixture
def file(tmp_path):
    """Returns a recipe of a user's own, outside of this project's."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "paper: swav\n"
        "method: {num_prototypes: 64}\n"
        "evaluation: {protocols: [knn]}\n"
        "variants: {hot: {method: {temperature: 2}}}\n"
    )
    return path


@pytest.mark.parametrize(("suffix", "variant"), [("", None), (":", None), (":hot", "hot")])
def test_a_users_own_file_is_a_recipe_of_its_stem(file, suffix, variant):
    recipe = load_recipe(f"{file}{suffix}", ["seed=3"])
    assert (recipe.paper, recipe.recipe, recipe.variant, recipe.seed) == (
        "swav",
        "mine",
        variant,
        3,
    )
    assert recipe.method.temperature == (2 if variant else load_recipe("swav").method.temperature)
    assert recipe.reference == f"{file}{':hot' if variant else ''}"
    assert recipe.origins["evaluation.protocols"] == str(file)


def test_a_run_folder_holds_the_values_of_an_own_recipe_and_not_where_its_file_was(file):
    recipe = load_recipe(f"{file}:hot")
    values = recipe.to_dict()
    assert str(file) not in str(values)
    again = recipe_from_dict(values, "config.yaml")
    assert again.hash() == recipe.hash() and again.reference == "swav/mine:hot"


def test_a_home_is_expanded_and_a_relative_file_is_one_of_the_current_folder(file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    monkeypatch.chdir(file.parent)
    recipes = [load_recipe(word) for word in ("~/mine.yaml", "mine.yaml", "./mine.yaml")]
    assert {recipe.hash() for recipe in recipes} == {load_recipe(str(file)).hash()}


def test_a_file_of_this_project_is_the_recipe_of_its_name():
    path = references.CONFIG_ROOT / "swav" / "quick.yaml"
    assert load_recipe(str(path)).reference == "swav/quick"
    assert load_recipe(f"{path}:hard-codes").reference == "swav/quick:hard-codes"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine.yaml", "seed: 3", "mine.yaml: paper.*swav"),
        ("mine.yaml", "paper: swaw", "mine.yaml: paper.*swaw.*'swav'"),
        ("mine.yaml", "paper: [swav]", "mine.yaml: paper"),
        ("mine.yaml", "", "mine.yaml: paper"),
        ("mine.yaml", "a: [", "mine.yaml"),
        ("mine.yaml", "paper: swav", "mine.yaml: evaluation.protocols.*knn"),
        ("two words.yaml", "paper: swav", "two words.yaml"),
        ("a.yaml.yml", "paper: swav", "a.yaml.yml"),
    ],
)
def test_what_is_wrong_with_an_own_file_is_told_with_its_name(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        load_recipe(str(tmp_path / name))


@pytest.mark.parametrize("word", ["none.yaml", "/no/such/folder/mine.yml:a", f"{'x' * 999}.yaml"])
def test_a_file_that_is_not_there_is_refused(word):
    with pytest.raises(UsageError, match="no such file"):
        load_recipe(word)


def test_an_own_recipe_stands_beside_no_reported_number(file):
    for recipe in (load_recipe(str(file)), recipe_from_dict(load_recipe(str(file)).to_dict(), "x")):
        assert "no recipe" in scaled_reason(recipe)


def test_an_own_recipe_has_a_name_that_no_recipe_of_the_paper_has(file):
    with pytest.raises(UsageError, match=r"quick\.yaml: swav has a recipe 'quick'"):
        load_recipe(str(file.rename(file.with_stem("quick"))))


def test_a_file_as_a_value_is_none():
    assert load_recipe("swav/quick", ["tracking.name=meow/quick.yaml"]).tracking.name[:4] == "meow"


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
def test_what_is_empty_or_asks_for_no_protocol_is_refused_with_what_it_needs(own, tmp_path):
    path = tmp_path / "swav" / "own.yaml"
    asked, none = ["evaluation.protocols=[knn]"], ["evaluation.protocols=[]"]
    for text in ("", "# all\n", "---\n", "null\n", "{}\n", "\n\n"):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_recipe("swav/own", asked)
        assert str(caught.value) == f"{path}: the recipe is empty; {NEEDED}"
    for text in ("seed: 3", "variants: {a: {seed: 3}}", "paper: swav"):
        path.write_text(text)
        for words, origin in ([], path), (none, "command line"):
            with pytest.raises(ConfigError) as caught:
                load_recipe("swav/own", words)
            assert str(caught.value) == f"{origin}: {NEEDED}"
    path.write_text("evaluation: {protocols: [knn]}")  # as it says
    assert load_recipe("swav/own").evaluation.protocols == ["knn"]


def test_the_recipe_of_another_paper_is_refused_by_its_file_with_its_place(own, tmp_path):
    path = tmp_path / "swav" / "own.yaml"
    # Its keys are no longer what is told: data.top_k is none of swav's.
    path.write_bytes((SOURCE_ROOT / "configs/meow/quick.yaml").read_bytes())
    with pytest.raises(ConfigError, match=f"{path}: paper.*meow.*swav"):
        load_recipe("swav/own")


@pytest.mark.parametrize(
    ("text", "word", "message"),
    [
        ("paper: swaw", "seed=1", r"own\.yaml"),
        ("paper: [a]", "seed=1", r"own\.yaml"),
        ("paper: swav", "paper=meow", 'line.*paper="meow".*swav'),
        ("paper: swav", "paper=[a]", r'line.*paper=\["a"\].*swav'),
        ("seed: 1", "paper=", "line.*paper=null.*swav"),
        ("seed: 1", "paper=null", "line.*paper=null.*swav"),
        ("paper:", "seed=1", r"own\.yaml"),
        ("variants: {a: {paper: meow}}", "seed=1", 'variant a: paper="meow".*swav'),
    ],
)
def test_a_paper_that_is_not_the_one_asked_for_is_told_by_its_place(
    text, word, message, own, tmp_path
):
    (tmp_path / "swav" / "own.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe("swav/own:a" if "variants" in text else "swav/own", [word])
