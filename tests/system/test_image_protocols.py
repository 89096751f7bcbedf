"""Each protocol of images from the command line: at the end, during training, and afterwards."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from common.tracking.metrics_file import read_metrics

SETTINGS = [
    "data.name=image-folder",
    "data.path=images",
    "data.batch_size=16",
    "data.holdout=0.25",
    "data.test_resize=20",
    "data.test_crop=20",
    "data.views=[{count: 2, size: 16}]",
    "method.num_prototypes=8",
    "trainer.epochs=1",
    "trainer.batches=4",
    "trainer.threads=1",
    "tracking.mode=disabled",
    "tracking.plots=false",
    "evaluation.references=[raw]",
    "evaluation.knn.k=5",
    "evaluation.linear.epochs=2",
    "evaluation.linear_sgd.epochs=2",
    "evaluation.few_label.labels=[1,5,10]",
    "evaluation.few_label.draws=2",
    "evaluation.finetune.epochs=2",
    "evaluation.finetune.shares=[10.0,50.0]",
]
ALL = ["few-label", "finetune", "knn", "linear", "linear-sgd"]
KEYS = {
    "few-label": {f"{name}_top1@{num}" for name in ("nn", "linear") for num in (1, 5, 10)},
    "finetune": {
        f"finetune_{share}pct_{name}"
        for share in (10, 50)
        for name in ("top1", "best_top1", "best_top5", "labels")
    },
    "knn": {"knn_top1"},
    "linear": {"linear_top1", "linear_train_top1"},
    "linear-sgd": {"linear_sgd_top1", "linear_sgd_best_top1", "linear_sgd_best_top5"},
}


def draw_images(root):
    """Makes a folder of images of three classes, whose file names repeat from class to class."""
    generator = np.random.default_rng(0)
    for split, num in (("train", 24), ("test", 6)):
        for label in range(3):
            target = root / "images" / split / f"class{label}"
            target.mkdir(parents=True)
            for row in range(num):
                pixels = generator.integers(0, 160, (24, 26, 3))
                pixels[..., label] += 60
                Image.fromarray(pixels.astype(np.uint8)).save(target / f"{row}.png")
    return root / "images"


@pytest.fixture
def folder(tmp_path):
    return draw_images(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that measured everything at its end and, on the hold-out, after its epoch."""
    from common.config.recipe import load_recipe
    from common.runs.run import start_run

    root = tmp_path_factory.mktemp("trained")
    draw_images(root)
    names = f"[{','.join(ALL)}]"
    words = [*SETTINGS, f"evaluation.protocols={names}", f"evaluation.online={names}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        start_run(load_recipe("swav", words), root / "runs", Console(quiet=True))
    return root


@pytest.fixture
def run(papers, trained, tmp_path):
    """Returns that run, with its images, below the test's own folder."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    (config,) = tmp_path.glob("runs/swav/quick/*/config.yaml")
    return config.parent


def test_at_the_end_and_online(run):
    wanted = set().union(*KEYS.values())
    record = json.loads((run / "result.json").read_text())
    assert record["metrics"].keys() == {f"test/{key}" for key in wanted}
    assert record["protocol"] == "+".join(ALL)
    # Raw pixels have no network to train.
    features_only = wanted - KEYS["finetune"] - KEYS["linear-sgd"]
    assert record["references"]["raw"].keys() == {f"test/{key}" for key in features_only}
    rows = [row for row in read_metrics(run / "metrics.csv") if row.key.startswith("val/")]
    assert {row.key for row in rows} == {f"val/{key}" for key in wanted}
    assert {row.batch for row in rows} == {3}, "54 images make three batches of 16"
    assert record["curves"]["val/nn_top1@10"][0][0] == 3
    assert record["metrics"]["test/finetune_10pct_labels"] == 6, "of 24 a class, hold-out too"


def test_on_a_finished_run(papers, run):
    before = json.loads((run / "result.json").read_text())
    asked = [word for protocol in ALL for word in ("--protocol", protocol)]
    code, _, err = papers("evaluate", str(run), *asked)
    assert code == 0, err
    (path,) = run.glob("evaluations/*/result.json")
    record = json.loads(path.read_text())
    assert record["metrics"] == before["metrics"] and record["protocol"] == "+".join(ALL)
    assert "other evaluation" not in record["scaled_reason"]


def test_images_without_labels_train_where_nothing_is_to_be_measured(papers, folder, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted(folder.glob("train/*/*.png"))):
        path.rename(flat / f"{number}.png")
    words = [*SETTINGS, "data.path=flat"]
    code, _, err = papers("train", "swav", *words)
    assert code == 2 and "flat: its images have no labels" in err
    assert "evaluation.protocols=[]" in err and not (tmp_path / "runs").exists()
    code, out, err = papers("train", "swav", *words, "evaluation.protocols=[]")
    assert code == 0 and "nothing measured" in out + err
    (path,) = tmp_path.glob("runs/swav/quick/*/result.json")
    record = json.loads(path.read_text())
    assert record["metrics"] == {} and record["batches"] == 3 and record["protocol"] == ""


def test_online_without_a_hold_out_is_refused_before_training(papers, folder, tmp_path):
    words = ("data.holdout=0.0", "evaluation.online=[knn]")
    code, _, err = papers("train", "swav", *SETTINGS, *words)
    assert code == 2 and "has no split 'val'" in err and "data.holdout" in err
    assert not (tmp_path / "runs").exists()
