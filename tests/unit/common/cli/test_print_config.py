import io
import re

import pytest
import yaml
from rich.console import Console

from common.cli.listing import print_recipe
from common.config.recipe import load_recipe, resolve
from common.config.yaml_io import read_yaml
from common.paper import get_paper

pytestmark = pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=60)


def printed(recipe, console):
    print_recipe(recipe, console)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "reference", ["swav/quick:deepcluster-v2", "simcse/quick", "owdfa_cpl/quick"]
)
def test_what_is_printed_is_a_recipe_that_loads_and_has_the_same_hash(reference, console, tmp_path):
    words = ["seed=4", "tracking.tags=[a b, 'no', '#1']"]
    if "finetune" in get_paper(reference.partition("/")[0]).protocols:
        words.append("evaluation.finetune.decay=.3")  # of a protocol that is not in use
    recipe = load_recipe(reference, words)
    path = tmp_path / "own.yaml"
    path.write_text(printed(recipe, console))
    values = read_yaml(path)
    again = resolve(get_paper(recipe.paper), recipe.recipe, recipe.variant, [(str(path), values)])
    assert again.to_dict() == recipe.to_dict()
    assert again.hash() == recipe.hash()
    assert again.tracking.tags == ["a b", "no", "#1"]


def test_ordinary_yaml_readers_read_it_alike(console):
    recipe = load_recipe("swav/quick", ["optimizer.lr=0.25", "tracking.name='on'"])
    values = yaml.safe_load(printed(recipe, console))
    assert values["optimizer"]["lr"] == 0.25 and values["tracking"]["name"] == "on"
    assert values["data"]["views"][0]["size"] == 20


def test_each_value_says_where_it_came_from_unless_it_is_the_default(console):
    recipe = load_recipe("swav/quick:hard-codes", ["optimizer.lr=0.25"])
    lines = {}
    for line in printed(recipe, console).splitlines():
        lines.setdefault(line.split(":")[0].strip(), line)
    assert lines["lr"] == "  lr: 0.25  # command line"
    assert lines["assignment"] == '  assignment: "hard"  # variant hard-codes'
    assert lines["arm"] == 'arm: "ablation/hard-codes"  # variant hard-codes'
    assert lines["num_prototypes"] == "  num_prototypes: 60  # quick.yaml"
    assert lines["momentum"] == "  momentum: 0.9"
    assert lines["seed"] == "seed: 0"


def test_of_protocols_those_in_use_are_shown_and_what_is_set_of_others(console):
    recipe = load_recipe(
        "swav/quick", ["evaluation.online=[few-label]", "evaluation.finetune.decay=.3"]
    )
    text = printed(recipe, console)
    shown = re.findall(r"^  (\w+):(  #.*)?$", text.partition("\nevaluation:")[2], re.MULTILINE)
    in_use = [(name, "") for name in ("few_label", "knn", "linear")]
    assert sorted(shown) == sorted([*in_use, ("finetune", "  # not in use")])
    assert "    decay: 0.3  # command line\n" in text
    others = text.rpartition("  # not in use: ")[2]
    assert others.endswith("; to see one add it to protocols\n")
    named = others.partition(";")[0].split(", ")
    assert {"clustering", "finetune", "linear-sgd"} <= {*named} and "few-label" not in named


def test_a_protocol_of_another_modality_is_not_named(console):
    text = printed(load_recipe("mclrec/quick"), console)
    assert "  ranking:\n" in text and "isotropy" in text and "knn" not in text
