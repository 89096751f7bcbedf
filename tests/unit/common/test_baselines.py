"""Recipes that train another method beside the paper's own."""

import subprocess
import sys

import pytest

from common.config.recipe import recipe_from_dict, resolve
from common.errors import ConfigError
from common.methods.config import SimCLRConfig
from common.paper import get_paper
from papers.swav.config import SwAVConfig

TWO_VIEWS = {"views": [{"count": 2, "size": 12}]}
PAPERS_OWN = {"method": {"backbone": "small_conv", "num_prototypes": 60}}
SIMCLR = {
    "arm": "baseline/simclr",
    "baseline": "simclr",
    "method": {"backbone": "small_conv", "temperature": 0.2},
}


def build(*layers):
    layers = [{"evaluation": {"protocols": ["knn"]}, "data": TWO_VIEWS}, *layers]
    named = [(f"layer {number}", layer) for number, layer in enumerate(layers)]
    return resolve(get_paper("swav"), "quick", None, named)


def test_a_baseline_replaces_the_method_section():
    recipe = build(PAPERS_OWN, SIMCLR, {"method.temperature": 0.5})
    assert isinstance(recipe.method, SimCLRConfig)
    assert (recipe.method.backbone, recipe.method.temperature) == ("small_conv", 0.5)
    assert get_paper("swav").module("simclr").__name__ == "SimCLR"


def test_without_one_the_paper_is_trained():
    recipe = build(PAPERS_OWN)
    assert recipe.baseline is None and isinstance(recipe.method, SwAVConfig)


def test_what_the_baseline_lacks_is_refused():
    with pytest.raises(ConfigError, match=r"2.*'method\.num_prototypes'"):
        build(PAPERS_OWN, {**SIMCLR, "method": {"num_prototypes": 60}})


def test_the_command_line_may_name_one():
    recipe = build(PAPERS_OWN, {"baseline": "simclr", "method.backbone": "small_conv"})
    assert isinstance(recipe.method, SimCLRConfig)


def test_a_run_folder_brings_it_back():
    recipe = build(PAPERS_OWN, SIMCLR)
    again = recipe_from_dict(recipe.to_dict(), "config.yaml")
    assert again.baseline == "simclr" and again.method == recipe.method
    assert again.hash() == recipe.hash()


def test_the_hash_knows_the_method():
    supervised = {"baseline": "supervised", "method": {"backbone": "small_conv"}}
    simclr = {"baseline": "simclr", "method": {"backbone": "small_conv"}}
    assert build(supervised).hash() != build(simclr).hash()


def test_simclr_needs_two_views():
    with pytest.raises(ConfigError, match="contrasts 2 views of an image, not 3"):
        build({"data": {"views": [{"count": 3, "size": 12}]}}, SIMCLR)


def test_the_schema_of_a_baseline_imports_no_torch():
    code = (
        "import sys; from common.config.recipe import load_recipe\n"
        "try: load_recipe('swav/quick', ['baseline=supervised', 'method.width=0'])\n"
        "except Exception as error: print(type(error).__name__)\n"
        "assert 'torch' not in sys.modules and 'lightning' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "ConfigError"), done.stderr
