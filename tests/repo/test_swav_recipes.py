"""SwAV's recipes against the values that the official scripts and its readme give, by hand."""

import math

import pytest

from common.config.checkout import SOURCE_ROOT
from common.results.reported import load_reported
from papers.swav.config import DeepClusterConfig
from tests.recipes import build, list_recipes, load, optimizers, steps_per_epoch, tables

LARGE, LARGE_W4, SMALL, SMALL_W4 = (0.14, 1.0), (0.08, 1.0), (0.05, 0.14), (0.08, 0.14)
FULL = [(2, 224, LARGE), (6, 96, SMALL)]
FOUR = [(2, 224, LARGE), (4, 96, SMALL)]
TWO = [(2, 224, LARGE_W4)]
CHEAP = [(2, 160, LARGE_W4), (4, 96, SMALL)]
WIDEST = [(2, 224, LARGE_W4), (4, 96, SMALL_W4)]
# Variant: epochs, batch, steps an epoch, first rate, base rate, final rate, warm-up epochs, crops.
BIG = (0.3, 4.8, 0.0048, 10)
SMALL_BATCH = (0.6, 0.6, 0.0006, 0)
IMAGENET = {
    "": (800, 4096, 312, *BIG, FULL),
    "400ep": (400, 4096, 312, *BIG, FULL),
    "200ep": (200, 4096, 312, *BIG, FULL),
    "100ep": (100, 4096, 312, *BIG, FULL),
    "two-crops": (400, 4096, 312, *BIG, TWO),
    "400ep-bs256": (400, 256, 5004, *SMALL_BATCH, FULL),
    "200ep-bs256": (200, 256, 5004, *SMALL_BATCH, FULL),
    "400ep-160": (400, 4096, 312, *BIG, CHEAP),
    "200ep-bs256-160": (200, 256, 5004, *SMALL_BATCH, CHEAP),
    "w2": (400, 4096, 312, *BIG, FOUR),
    "w4": (400, 2560, 500, *BIG, WIDEST),
    "w5": (400, 1536, 834, 0.1875, 4.8, 0.0, 10, FOUR),
    "deepcluster-v2": (800, 4096, 312, *BIG, FULL),
    "deepcluster-v2-400ep": (400, 4096, 312, *BIG, CHEAP),
    "deepcluster-v2-two-crops": (400, 4096, 312, *BIG, TWO),
}
# Queue, its first epoch and the frozen batches.
QUEUES = {
    "": (0, 15, 313),
    "two-crops": (0, 15, 313),
    "400ep-bs256": (3840, 15, 5005),
    "200ep-bs256": (3840, 15, 5005),
    "w2": (0, 15, 313),
    "w4": (2560, 0, 313),
}


def reference(variant: str, recipe: str = "imagenet") -> str:
    return f"swav/{recipe}" + (f":{variant}" if variant else "")


def test_every_variant_of_imagenet_is_checked_here() -> None:
    assert {"", *list_recipes("swav")["imagenet"]} == set(IMAGENET)


@pytest.mark.parametrize("variant", IMAGENET)
def test_steps_rates_and_crops_on_imagenet(variant: str) -> None:
    recipe = load(reference(variant))
    epochs, batch, steps, first, base, final, warmup, crops = IMAGENET[variant]
    assert (recipe.trainer.epochs, recipe.data.batch_size) == (epochs, batch)
    assert steps_per_epoch(recipe) == steps
    (table,) = tables(optimizers(recipe, build(recipe)))
    assert (table[0], len(table)) == (first, epochs * steps)
    assert table[warmup * steps] == base
    # One step short of the final rate: a half cosine of that many steps ends with a parabola.
    length = (epochs - warmup) * steps
    short = (base - final) / 2 * (math.pi / length) ** 2 / 2
    assert table[-1] - final == pytest.approx(short, rel=1e-3)
    views = recipe.data.views
    assert [(v.count, v.size, tuple(v.area)) for v in views] == crops
    for view in views:
        assert (view.jitter, view.grey, view.blur, view.solarise, view.flip) == (
            0.8,
            0.2,
            0.5,
            0,
            0.5,
        )
        assert (view.brightness, view.contrast, view.saturation, view.hue) == (0.8, 0.8, 0.8, 0.2)
    assert recipe.data.std == [0.228, 0.224, 0.225]


@pytest.mark.parametrize("variant", QUEUES)
def test_queue_freeze_and_equations_on_imagenet(variant: str) -> None:
    method = load(reference(variant)).method
    found = (method.queue_length, method.queue_from_epoch, method.freeze_batches)
    assert found == QUEUES[variant]
    assert (method.temperature, method.epsilon, method.sinkhorn_iterations) == (0.1, 0.05, 3)
    assert (method.output_dim, method.num_prototypes, method.assignment_crops) == (
        128,
        3000,
        [0, 1],
    )


@pytest.mark.parametrize("variant", IMAGENET)
def test_the_optimizer_on_imagenet_is_larc_as_published(variant: str) -> None:
    recipe = load(reference(variant))
    (made,) = optimizers(recipe, build(recipe))
    (group,) = made["optimizer"].param_groups  # nothing is excluded
    assert type(made["optimizer"]).__name__ == "LARC"
    expected = {"momentum": 0.9, "weight_decay": 1e-6, "trust_coefficient": 0.001, "eps": 1e-8}
    assert {name: group[name] for name in expected} == expected
    assert not (group["clip"] or group["nesterov"]) and group["adapt"]


@pytest.mark.parametrize(
    ("variant", "millions", "features", "hidden"),
    [("", 23.5, 2048, 2048), ("w2", 93.9, 4096, 8192), ("w4", 375.4, 8192, 8192),
     ("w5", 586.5, 10240, 10240)],
)  # fmt: skip
def test_widths_have_the_published_parameters(variant, millions, features, hidden) -> None:
    module = build(load(reference(variant)))
    count = sum(p.numel() for p in module.backbone.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.1)
    assert module.backbone.num_features == features
    assert [tuple(module.head[i].weight.shape) for i in (0, 3)] == [
        (hidden, features),
        (128, hidden),
    ]


@pytest.mark.parametrize("variant", [v for v in IMAGENET if v.startswith("deepcluster")])
def test_deepcluster_on_imagenet(variant: str) -> None:
    recipe = load(reference(variant))
    assert isinstance(recipe.method, DeepClusterConfig)
    method = recipe.method
    assert (method.num_prototypes, method.kmeans_iterations) == ([3000] * 3, 10)
    assert (method.temperature, method.empty_clusters) == (0.1, "keep")
    assert recipe.trainer.precision == "32-true"
    assert build(recipe).memory.shape == (2, 1_281_167, 128)


def test_the_probe_and_the_fine_tuning_are_the_official_ones() -> None:
    recipe = load("swav/imagenet")
    probe, tuned = recipe.evaluation.linear_sgd, recipe.evaluation.finetune
    assert recipe.evaluation.protocols == ["linear-sgd"]
    assert (probe.epochs, probe.batch_size, probe.lr, probe.momentum) == (100, 256, 0.3, 0.9)
    assert (probe.weight_decay, probe.crop.area, probe.crop.flip) == (1e-6, [0.08, 1.0], 0.5)
    assert (recipe.data.test_resize, recipe.data.test_crop) == (256, 224)
    assert (tuned.epochs, tuned.batch_size, tuned.weight_decay) == (20, 256, 0)
    assert list(zip(tuned.shares, tuned.trunk_lr, tuned.head_lr, strict=True)) == [
        (1.0, 0.02, 5.0),
        (10.0, 0.01, 0.2),
    ]
    assert (tuned.milestones, tuned.decay) == ([12, 16], 0.2)


@pytest.mark.parametrize(
    ("recipe", "steps", "epochs"),
    [("cifar10", 195, 1000), ("cifar100", 195, 1000), ("imagenet100", 494, 400)],
)
def test_third_party_recipes_are_solo_learns(recipe: str, steps: int, epochs: int) -> None:
    found = load(f"swav/{recipe}")
    assert (steps_per_epoch(found), found.trainer.epochs, found.data.batch_size) == (
        steps,
        epochs,
        256,
    )
    method = found.method
    assert (method.backbone, method.hidden_dim, method.output_dim) == ("resnet18", 2048, 128)
    assert (method.num_prototypes, method.temperature, method.epsilon) == (3000, 0.1, 0.05)
    assert (method.queue_length, method.queue_from_epoch) == (3840, 50)
    assert method.freeze_batches == 2 * steps
    (made,) = optimizers(found, build(found))
    matrices, vectors = made["optimizer"].param_groups
    assert (matrices["trust_coefficient"], matrices["clip"], matrices["adapt"]) == (
        0.02,
        True,
        True,
    )
    assert (matrices["weight_decay"], vectors["weight_decay"], vectors["adapt"]) == (1e-6, 0, False)
    (table,) = tables([made])
    assert (table[0], table[10 * steps]) == (3e-5, 0.6)
    assert 0.0006 < table[-1] < 0.000601


@pytest.mark.parametrize("recipe", ["cifar10", "cifar100"])
def test_multi_crop_on_cifar_solarises_one_of_the_two_large_views(recipe: str) -> None:
    views = load(f"swav/{recipe}:multi-crop").data.views
    assert [(v.count, v.size, v.area, v.solarise, v.blur, v.brightness) for v in views] == [
        (1, 32, [0.2, 1.0], 0, 0, 0.6),
        (1, 32, [0.2, 1.0], 0.2, 0, 0.6),
        (6, 18, [0.08, 0.5], 0.1, 0.1, 0.8),
    ]


def test_every_reported_number_has_its_recipe() -> None:
    for entry in load_reported(SOURCE_ROOT / "papers" / "swav" / "reported.yaml"):
        recipe = load(entry.reference)
        assert (recipe.arm, recipe.data.name) == (entry.arm, entry.data), entry.reference
