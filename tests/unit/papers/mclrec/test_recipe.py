import pytest

from common.config.recipe import load_recipe
from tests.recipes import list_recipes


@pytest.mark.parametrize(
    "recipe", ["quick", "beauty", "sports", "toys", "yelp", "ml-latest-small", "beauty-dense"]
)
def test_every_arm_makes_the_methods_number_of_encoder_updates(recipe):
    def updates(variant: str) -> int:
        found = load_recipe(f"mclrec/{recipe}{variant}")
        length = found.trainer.batches or found.trainer.epochs
        return length * (2 if found.method.scheme == "three-step" else 1)

    variants = list_recipes("mclrec")[recipe]
    assert {"sasrec", "cl4srec", "joint", "no-regulariser", "shared-augmenter"} <= set(variants)
    for variant in variants:
        assert updates(f":{variant}") == updates(""), variant
