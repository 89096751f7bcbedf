"""The published recipes against the values of the official recipe file, by hand."""

import pytest

from common.config.recipe import load_recipe

# Reduction, text layers, text dropout, weight decay, rate, share of texts without stop words.
PUBLISHED = {
    "cc3m": ("avg", 6, 0.2, 0.5, 3e-3, 0.8),
    "cc12m": ("sum", 12, 0.05, 0.1, 3e-3, 0.8),
    "cc12m:barlip": ("sum", 12, 0.1, 0.1, 3e-3, 0.8),
    "yfcc15m": ("sum", 12, 0.0, 0.1, 3e-3, 0.9),
    "yfcc15m:siamlip": ("sum", 12, 0.0, 0.1, 3e-3, 0.8),
    "yfcc15m:vit-small": ("sum", 12, 0.0, 0.1, 3e-3, 0.8),
    "29m": ("sum", 12, 0.0, 0.1, 2e-3, 0.8),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_rates_and_texts_are_those_of_the_official_recipes(name):
    recipe = load_recipe(f"clip_rocket/{name}", [])
    method, rates, data = recipe.method, recipe.optimizer, recipe.data
    found = (method.reduction, method.text.layers, method.text_dropout)
    found += (rates.weight_decay, rates.lr, data.weak_text.stop_words)
    assert found == PUBLISHED[name]
    assert data.strong_text.stop_words == data.weak_text.stop_words
    assert (recipe.trainer.epochs, data.batch_size, data.num_strong) == (32, 4096, 2)
    assert (rates.warmup_epochs, rates.warmup_start_lr, rates.final_lr) == (1, 1e-6, 1e-5)
    assert (method.dim, method.projector_dim, method.label_smoothing) == (256, 4096, 0.1)
    text = data.strong_text
    assert (text.synonym, text.swap, text.deletion, text.paraphrase) == (0.4, 0.4, 0.2, 0.0)


@pytest.mark.parametrize("name", ["cc3m", "cc12m", "yfcc15m", "yfcc15m:vit-small"])
@pytest.mark.parametrize("addition", ["siamlip", "byolip", "barlip", "swalip"])
def test_additions_smooth_labels_but_swalip_and_vit_small_has_heads_apart(name, addition):
    sign = "-" if ":" in name else ":"
    method = load_recipe(f"clip_rocket/{name}{sign}{addition}", []).method
    assert method.addition == addition
    assert method.label_smoothing == (0.0 if addition == "swalip" else 0.1)
    assert method.separate_heads == (":" in name and addition != "swalip")
    assert method.barlip.gradient_scale == (1 / 32 if addition == "barlip" else 1.0)
