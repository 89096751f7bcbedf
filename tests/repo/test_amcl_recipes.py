"""AMCL's recipes against the values that the second generation of its official code gives."""

import pytest

from common.config.checkout import SOURCE_ROOT
from common.results.reported import load_reported
from papers.amcl.config import AMCLConfig
from papers.amcl.module import AMCL
from tests.recipes import build, list_recipes, load, optimizers, steps_per_epoch, tables

CODE = ("cifar10", "cifar100", "stl10")
OURS = ("tiny-imagenet", "imagenet100", "imagenet")
RATES = {"simclr": 0.06, "moco": 0.08, "simsiam": 0.05, "barlow-twins": 0.11}
# Crop, blur, grey, jitter, mirror: what each letter switches on, in the code's order.
LETTERS = {"b": ("blur", 0.5), "c": ("grey", 0.2), "d": ("jitter", 0.8), "e": ("flip", 0.5)}


def name_of(data: str, base: str, amcl: bool) -> str:
    variant = (f"on-{base}" if base != "simclr" else "") if amcl else base
    return f"amcl/{data}" + (f":{variant}" if variant else "")


def letters(data: str, variant: str = "") -> str:
    (view,) = load(f"amcl/{data}" + (f":{variant}" if variant else "")).data.views
    assert (view.count, view.area) == (2, [0.08, 1.0])
    for name, (field, share) in LETTERS.items():
        assert getattr(view, field) in (0, share), name
    if view.jitter:
        assert (view.brightness, view.contrast, view.saturation, view.hue) == (0.4, 0.4, 0.4, 0.1)
    return "a" + "".join(name for name, (field, _) in LETTERS.items() if getattr(view, field))


@pytest.mark.parametrize("amcl", [True, False])
@pytest.mark.parametrize("base", RATES)
@pytest.mark.parametrize("data", [*CODE, *OURS])
def test_rates_steps_and_decay(data: str, base: str, amcl: bool) -> None:
    recipe = load(name_of(data, base, amcl))
    module = build(recipe)
    (made,) = optimizers(recipe, module)
    (group,) = made["optimizer"].param_groups
    assert (group["momentum"], group["weight_decay"]) == (0.9, 5e-4)
    assert len(group["params"]) == sum(p.requires_grad for p in module.parameters()), "phi too"
    (table,) = tables([made])
    assert (table[0], len(table)) == (RATES[base], recipe.trainer.epochs * steps_per_epoch(recipe))
    assert recipe.data.batch_size == 512 and letters(data) == "abcde"
    # The clip is a part of AMCL; the repository that its code builds on has none.
    assert recipe.optimizer.clip_norm == (1.0 if amcl or data == "imagenet" else None)


@pytest.mark.parametrize("base", RATES)
@pytest.mark.parametrize("data", CODE)
def test_amcl_on_small_images_is_the_codes(data: str, base: str) -> None:
    recipe = load(name_of(data, base, True))
    method, plain = recipe.method, AMCLConfig()
    wide = base in ("simsiam", "barlow-twins")
    assert (recipe.arm, method.base) == ("method", base)
    assert (method.num_heads, recipe.trainer.epochs) == (3, 800)
    assert (method.hidden_dim, method.output_dim) == ((2048, 2048) if wide else (512, 128))
    assert (method.backbone, method.stem, method.predictor_dim) == ("resnet18", "cifar", 512)
    assert method.beta == (1e-6 if base == "barlow-twins" else 1e-4)
    assert (method.temperature_min, method.temperature_max, method.top_k) == (1e-5, 2.0, 100)
    assert (method.momentum, method.queue_length) == (plain.momentum, 4096)
    assert recipe.optimizer.clip_norm == 1.0
    probe, knn = recipe.evaluation.linear_sgd, recipe.evaluation.knn
    assert (probe.epochs, probe.lr, probe.weight_decay, probe.batch_size) == (100, 0.1, 0, 512)
    assert (probe.crop.area, probe.crop.flip) == ([1.0, 1.0], 0.0)
    assert (knn.k, knn.temperature, knn.standardise) == (200, 0.1, False)


@pytest.mark.parametrize("data", CODE)
def test_the_nested_sets_of_augmentations(data: str) -> None:
    for name in ("a", "ab", "abc", "abcd", "acde"):
        assert letters(data, name) == name


@pytest.mark.parametrize("data", [*CODE, *OURS, "cifar10-jpeg", "quick"])
def test_head_counts(data: str) -> None:
    counts = {name: load(f"amcl/{data}{name}") for name in ("", ":one-head", ":five-heads")}
    assert [recipe.method.num_heads for recipe in counts.values()] == [3, 1, 5]
    assert [len(build(recipe).heads) for recipe in counts.values()] == [3, 1, 5]


@pytest.mark.parametrize("base", RATES)
def test_the_small_arms_differ_from_the_plain_bases_in_the_method_alone(base: str) -> None:
    ours, plain = (load(name_of("cifar10-jpeg", base, amcl)) for amcl in (True, False))
    assert isinstance(build(ours), AMCL) and not isinstance(build(plain), AMCL)
    assert ours.optimizer == plain.optimizer and ours.optimizer.clip_norm == 1.0
    assert (ours.data, ours.trainer) == (plain.data, plain.trainer)
    for field in ("backbone", "hidden_dim", "output_dim"):
        assert getattr(ours.method, field) == getattr(plain.method, field)


@pytest.mark.parametrize("data", list_recipes("amcl"))
def test_a_barlow_base_starts_away_from_the_floor(data: str) -> None:
    if "on-barlow-twins" in list_recipes("amcl")[data]:
        method = load(f"amcl/{data}:on-barlow-twins").method
        assert method.temperature_init_scale < 1


def test_every_reported_number_has_its_recipe() -> None:
    entries = load_reported(SOURCE_ROOT / "papers" / "amcl" / "reported.yaml")
    assert {entry.variant for entry in entries if entry.arm != "method"} == set(RATES)
    for entry in entries:
        recipe = load(entry.reference)
        assert (recipe.arm, recipe.data.name) == (entry.arm, entry.data), entry.reference
        assert entry.protocol in recipe.evaluation.protocols
