import pytest

from common.config import references
from common.config.recipe import load_recipe, recipe_from_dict, resolve
from common.config.yaml_io import read_yaml, to_yaml
from common.errors import ConfigError
from common.paper import get_paper
from tests.recipes import ROUND_TRIPS

pytestmark = pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
RECIPE = """
paper: swav
data: {name: scattered-digits, batch_size: 64}
optimizer: {lr: 0.5}
trainer: {epochs: 3}
evaluation: {protocols: [knn], knn: {k: 5}}
variants:
  long: {arm: ablation/long, trainer: {epochs: 9}, optimizer: {name: adam}}
  empty:
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Returns a function that stores the text of swav's recipe ``own``."""
    monkeypatch.setattr(references, "CONFIG_ROOT", tmp_path)
    (tmp_path / "swav").mkdir()

    def write(text=RECIPE):
        path = tmp_path / "swav" / "own.yaml"
        path.write_text(text)
        return path

    return write


def swav(*overrides, variant=""):
    return load_recipe(f"swav/quick{variant}", list(overrides))


def test_each_layer_goes_over_the_one_before_and_is_remembered(write):
    path = str(write())
    recipe = load_recipe("swav/own:long", ["trainer.epochs=20", "evaluation.knn.k=7"])
    assert (recipe.arm, recipe.variant, recipe.folder) == ("ablation/long", "long", "own-long")
    assert (recipe.trainer.epochs, recipe.optimizer.name, recipe.optimizer.lr) == (20, "adam", 0.5)
    assert (recipe.data.batch_size, recipe.evaluation.knn.k) == (64, 7)
    assert recipe.trainer.precision == "32-true"
    assert recipe.origins["optimizer.lr"] == recipe.origins["data.batch_size"] == path
    assert recipe.origins["optimizer.name"] == recipe.origins["arm"] == "variant long"
    assert recipe.origins["trainer.epochs"] == "command line"
    assert recipe.origins["evaluation.knn.k"] == "command line"
    assert "trainer.precision" not in recipe.origins


def test_without_its_variant_a_recipe_is_its_file(write):
    write()
    plain, empty = load_recipe("swav/own"), load_recipe("swav/own:empty")
    assert (plain.trainer.epochs, plain.arm, plain.reference) == (3, "method", "swav/own")
    assert empty.reference == "swav/own:empty" and empty.hash() == plain.hash()


def test_a_key_of_a_variant_that_is_unknown_is_refused_with_its_file(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(
        "paper: swav\nevaluation: {protocols: [knn]}\nvariants: {odd: {method: {gone: 1}}}\n"
    )
    with pytest.raises(ConfigError, match=rf"{file}, variant odd: unknown key 'method\.gone'"):
        load_recipe(f"{file}:odd")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants: 5", r"own\.yaml.*variants=5"),
        ("variants: [long]", "variants="),
        ("variants: {other: 5}", r"own\.yaml.*variants.other=5"),
        ("variants: {long: [a]}", "variants.long="),
    ],
)
def test_variants_that_are_none_are_refused_whichever_is_asked_for(write, text, message):
    write(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe("swav/own")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paper: mclrec\nevaluation: {protocols: [knn]}", r'own\.yaml: paper="mclrec"'),
        ("- a\n- b", "must hold a mapping of sections"),
        ("data: {name: [", "YAML"),
        ("seed: 1\ndata: {workers: 0}\nseed: 2", r"own\.yaml: not readable [^$]*key seed"),
        ("optimizer: {lr: 1}\noptimizer.lr: 2", r"own\.yaml.*optimizer\.lr"),
        ("trainer: 3", "trainer=3"),
        ("trainer: {epoch: 3}", "'trainer.epoch'.*'trainer.epochs'"),
        ("data: {name: {a: 1}}", "data.name"),
        ("tracking: {name: yes}", r"own\.yaml.*tracking.name=true"),
        (
            "tracking: {tags: ['${oc.env:HOME}']}",
            r"tracking.tags\[0\]=",
        ),
        ("data: {views: [{count: 1, sise: 3}]}", "sise"),
        ("data: {views: []}", "at least one view is needed"),
        ("data: {views: [{count: 2, area: [0.9, 0.1]}]}", r"area must be \[low, high\]"),
        (
            "data: {views: [{count: 2}, {count: 2, flip: 3}]}",
            r"data\.views\[1\]\.flip=3",
        ),
    ],
)
def test_a_broken_file_is_refused_by_name_of_file_or_key(text, message, write):
    write(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe("swav/own")


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("optimizer.lr=1e-6", "optimizer.lr", 1e-6),  # plain YAML 1.1 reads this as text
        ("optimizer.lr=3", "optimizer.lr", 3.0),
        ("optimizer.clip=true", "optimizer.clip", True),
        ("optimizer.clip=on", "optimizer.clip", True),
        ("optimizer.clip=off", "optimizer.clip", False),
        ("trainer.batches=null", "trainer.batches", None),
        ("tracking.name='on'", "tracking.name", "on"),
        ("tracking.name='1e-6'", "tracking.name", "1e-6"),
        ("tracking.name=a=b", "tracking.name", "a=b"),
        ("tracking.name=2024", "tracking.name", "2024"),
        ("tracking.tags=[a,b]", "tracking.tags", ["a", "b"]),
        ("--seed=4", "seed", 4),
        ("trainer.devices=auto", "trainer.devices", "auto"),
        ("trainer.devices=2", "trainer.devices", 2),
    ],
)
def test_a_value_on_the_command_line_has_the_type_of_its_key(word, key, value):
    node = swav(word)
    for part in key.split("."):
        node = getattr(node, part)
    assert node == value and type(node) is type(value)


@pytest.mark.parametrize("word", ["tracking.tags=[a,off]", f"trainer.epochs=0x{'f' * 5000}"])
def test_a_wrong_value_on_the_command_line_is_refused_by_its_key(word):
    with pytest.raises(ConfigError, match=rf"^command line: .*{word.partition('=')[0]}\b[^\n]*$"):
        swav(word)


def test_a_list_of_dataclasses_is_replaced_and_filled_with_defaults():
    recipe = swav("data.views=[{count: 2, size: 9}, {size: 7, flip: 0.25}]")
    assert [(view.count, view.size, view.flip) for view in recipe.data.views] == [
        (2, 9, 0.5),
        (1, 7, 0.25),
    ]
    assert recipe.data.views[0].noise == 0.0, "nothing is left of the file's views"
    assert recipe.hash() != swav().hash()


def test_the_hash_goes_by_values_not_by_how_they_were_given(write):
    write()
    long, typed = load_recipe("swav/own:long"), ["trainer.epochs=9", "optimizer.name=adam"]
    assert long.hash() == load_recipe("swav/own", typed).hash()
    assert long.hash() == load_recipe("swav/own", [*reversed(typed), "optimizer.lr=.5"]).hash()


REFUSED = [
    (["trainer.devices=-1", "trainer.accelerator=cpu"], "devices are processes; write how many"),
    (["trainer.devices='0,1'", "trainer.accelerator=cpu"], "trainer.devices=0,1: on the CPU"),
    (["evaluation.protocols=[]"], "name at least one of"),
    (["evaluation.online=[ranking]"], "ranking measures action sequences, and swav takes images"),
    (["evaluation.protocols=[lineal]"], "'lineal' is no protocol; did you mean 'linear'"),
    (
        ["evaluation.online=[foo]"],
        "command line: evaluation.online: 'foo' is no protocol; known: alignment-uniformity, ",
    ),
    (["evaluation.patience=3"], "need evaluation.monitor"),
    (["evaluation.select=best"], "need evaluation.monitor"),
    (["evaluation.monitor=val/knn_top1"], "needs evaluation.online"),
    (["method.assignment_crops=[0,9]"], "names a view beyond the 4"),
    (["method.assignment_crops=[1,1]"], "must name one or more different views"),
    (["method.queue_length=200"], "the nearest lengths are 128 or 256"),
    (["data.views=[{count: 1}]", "method.assignment_crops=[0]"], "at least 2"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_recipe_that_contradicts_itself_is_refused(words, message):
    with pytest.raises(ConfigError, match=message.replace("<", ".").replace("[", r"\[")):
        swav(*words)


def test_prototypes_beyond_the_batch_are_warned_of():
    with pytest.warns(UserWarning, match="60 prototypes cannot have equal mass over 32"):
        swav("data.batch_size=32")


@pytest.mark.parametrize(
    "words",
    [
        ["arm=ablation/eps-0.05"],
        ["trainer.devices=-1"],
        ["trainer.devices='0, 2'"],
        ["trainer.devices=auto", "trainer.accelerator=cpu"],
        ["data.mean=[0,1,0.5]", "data.std=[1,1,1]"],
    ],
)
def test_a_recipe_at_the_edge_of_what_is_allowed_loads(words):
    assert swav(*words).evaluation.protocols == ["knn", "linear"]
    watched = swav("evaluation.monitor=train/epoch_loss", "evaluation.patience=0")
    assert watched.evaluation.online == []


@pytest.mark.parametrize("reference", ROUND_TRIPS)
def test_a_runs_config_yaml_gives_back_the_recipe(reference, tmp_path):
    recipe = load_recipe(reference, ["seed=3", "tracking.tags=['on', 'null', '1e-6', '0123']"])
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(recipe.to_dict()))
    again = recipe_from_dict(read_yaml(path), str(path))
    assert again.to_dict() == recipe.to_dict()
    assert again.tracking.tags == ["on", "null", "1e-6", "0123"]
    assert (again.hash(), again.reference, again.seed) == (recipe.hash(), reference, 3)
    assert set(again.origins.values()) == {str(path)}


def test_a_foreign_config_yaml_says_what_it_lacks():
    values = swav().to_dict()
    del values["variant"]
    with pytest.raises(ConfigError, match=r"c\.yaml.*run's config\.yaml"):
        recipe_from_dict(values, "c.yaml")
    with pytest.raises(ConfigError, match=r"lacks paper, recipe, variant"):
        recipe_from_dict({"epochs": 3}, "c.yaml")


def test_a_section_may_be_given_in_dotted_keys():
    layers = [("here", {"evaluation.protocols": ["knn"], "evaluation": {"online": ["knn"]}})]
    recipe = resolve(get_paper("swav"), "quick", None, layers)
    assert (recipe.evaluation.protocols, recipe.evaluation.online) == (["knn"], ["knn"])
    assert recipe.global_batch == 128 and recipe.reference == "swav/quick"


def test_another_baseline_leaves_out_the_method_below_it_however_it_is_written():
    method = {"method.prototype_dim": 1, "method": {"no_such_key": 1}, "method.temperature": 0.7}
    layers = [("file", method), ("variant", {"baseline": "simclr", "method": {"temperature": 0.3}})]
    layers.append(("here", {"evaluation.protocols": ["knn"]}))
    recipe = resolve(get_paper("swav"), "quick", None, layers)
    assert (recipe.baseline, recipe.method.temperature) == ("simclr", 0.3)


def test_of_a_key_given_twice_on_the_command_line_the_last_counts():
    words = ["seed=1", "optimizer.lr=1", "optimizer={lr: 2}", "seed=2"]
    recipe = load_recipe("swav/quick", words)
    assert (recipe.seed, recipe.optimizer.lr) == (2, 2)
