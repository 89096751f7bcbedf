"""The recipes of the papers' size take two real steps here: network, views, optimizer, probe."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from rich.console import Console

from common.config.recipe import load_recipe
from common.results.curves import curves_of
from common.runs.folder import new_run
from common.runs.run import prepare_run, train
from common.tracking.metrics_file import METRICS_NAME, read_metrics
from common.training.fit import Experiment, build_module
from tests.recipes import expected_rate

QUIET = ["tracking.mode=disabled", "tracking.plots=false", "data.workers=0", "trainer.log_every=1"]


def write_folders(root: Path, counts: dict[str, int]) -> None:
    """Writes photographs of various sizes as ImageNet has them, two classes a split."""
    generator = np.random.default_rng(0)
    for split, count in counts.items():
        for number in range(count):
            folder = root / "imagenet" / split / f"n{number % 2:08d}"
            folder.mkdir(parents=True, exist_ok=True)
            shape = (*generator.integers(120, 300, 2), 3)
            noise = generator.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{folder.name}_{number}.JPEG")


def run(reference: str, overrides: list[str], folder: Path) -> tuple[Experiment, dict[str, float]]:
    """Trains two batches and evaluates; returns what was trained and the test metrics."""
    recipe = load_recipe(reference, [*QUIET, "trainer.batches=2", *overrides])
    ready = prepare_run(recipe)
    made = new_run(recipe, folder)
    record = train(ready, made, Console(file=io.StringIO()))
    assert record is not None and (record.status, record.batches) == ("complete", 2)
    rows = read_metrics(made.path / METRICS_NAME)
    curves = curves_of(rows, ["train/loss", "train/lr"])
    assert list(curves["train/loss"]) == [1, 2]
    assert all(map(math.isfinite, curves["train/loss"].values()))
    # What is written after a step is the rate of the next one.
    steps = len(ready.data.set["train"]) // recipe.data.batch_size
    rates = [expected_rate(recipe.optimizer, recipe.trainer.epochs, step, steps) for step in (1, 2)]
    assert list(curves["train/lr"].values()) == pytest.approx(rates, rel=1e-9)
    return ready, record.metrics


def assert_moved_but_for_frozen_prototypes(ready: Experiment) -> None:
    before = build_module(ready.recipe, ready.data)
    after = ready.module
    assert int(after.batches_seen) == 2
    for (name, old), (_, new) in zip(
        before.named_parameters(), after.named_parameters(), strict=True
    ):
        assert torch.isfinite(new).all(), name
        if name == "prototypes.weight":
            torch.testing.assert_close(new, F.normalize(old, dim=1))
        else:
            assert not torch.equal(old, new), name


SMALL_IMAGENET = ["data.batch_size=2", "evaluation.linear_sgd.epochs=1"]


@pytest.mark.slow
def test_imagenet_steps_with_its_resnet50_and_all_eight_crops(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train": 4, "val": 2})
    overrides = [f"data.root={tmp_path}", *SMALL_IMAGENET, "method.num_prototypes=4"]
    ready, metrics = run("swav/imagenet", overrides, tmp_path / "runs")
    views = ready.recipe.data.views
    assert [(view.count, view.size) for view in views] == [(2, 224), (6, 96)]
    assert sum(p.numel() for p in ready.module.backbone.parameters()) == 23_508_032
    assert "test/linear_sgd_best_top1" in metrics
    assert_moved_but_for_frozen_prototypes(ready)


@pytest.mark.slow
def test_deepcluster_steps_on_imagenet_from_a_filled_memory(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train": 4, "val": 2})
    overrides = [f"data.root={tmp_path}", *SMALL_IMAGENET, "method.num_prototypes=[4, 3, 2]"]
    ready, _ = run("swav/imagenet:deepcluster-v2-400ep", overrides, tmp_path / "runs")
    assert ready.module.memory.shape == (2, 4, 128)
    torch.testing.assert_close(ready.module.memory.norm(dim=2), torch.ones(2, 4))
    assert (ready.module.targets >= 0).all()
    assert_moved_but_for_frozen_prototypes(ready)


def write_cifar10(root: Path) -> None:
    """Writes two images a file, as CIFAR-10's binary archive unpacks."""
    generator = np.random.default_rng(0)
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for label, stem in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        records = generator.integers(0, 256, (2, 3073), dtype=np.uint8)
        records[:, 0] = label, 9
        records.tofile(folder / f"{stem}.bin")


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["", ":multi-crop"])
def test_cifar10_steps_with_its_resnet18_and_all_its_crops(tmp_path: Path, variant: str) -> None:
    write_cifar10(tmp_path)
    sizes = ["data.batch_size=2", "method.num_prototypes=4", "method.queue_length=4"]
    overrides = [f"data.root={tmp_path}", *sizes, "evaluation.knn.k=3"]
    ready, metrics = run(f"swav/cifar10{variant}", overrides, tmp_path / "runs")
    assert ready.module.backbone.conv1.kernel_size == (3, 3)
    assert {"test/linear_top1", "test/knn_top1"} <= set(metrics)
    # Epoch 50 is far: nothing is kept yet.
    assert not ready.module.queue.any()
    assert_moved_but_for_frozen_prototypes(ready)
