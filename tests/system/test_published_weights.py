"""The authors' weights from their file to a row of the leaderboard."""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import nn

from common.config import references
from common.config.recipe import load_recipe
from common.data.images.module import ImageData
from common.evaluation.run_protocols import run_protocols
from common.results.groups import Code
from common.results.leaderboard import make_leaderboard
from common.results.pages.document import to_markdown
from common.results.pages.paper import paper_page
from common.results.record import read_record
from common.results.reported import ReportedNumber, load_all_reported

BEST = "test/linear_sgd_best_top1"
# As the paper's recipe, with a small head, small images and a short probe.
RECIPE = """
paper: swav
data:
  name: imagenet
  batch_size: 8
  holdout: 0.0
  mean: [0.485, 0.456, 0.406]
  std: [0.228, 0.224, 0.225]
  test_resize: 40
  test_crop: 32
  views: [{count: 2, size: 32}]
method: {hidden_dim: 16, output_dim: 8, num_prototypes: 6}
trainer: {epochs: 800, accelerator: cpu}
tracking: {mode: disabled, plots: false}
evaluation:
  protocols: [linear-sgd, knn]
  references: [untrained]
  linear_sgd: {epochs: 3}
  knn: {k: 5}
"""


@pytest.fixture
def imagenet(papers, tmp_path, monkeypatch):
    """Gives the override that names a small ImageNet, with its recipe in place."""
    (tmp_path / "configs/swav").mkdir(parents=True)
    (tmp_path / "configs/swav/imagenet.yaml").write_text(RECIPE)
    monkeypatch.setattr(references, "CONFIG_ROOT", tmp_path / "configs")
    generator = np.random.default_rng(0)
    for split, num in (("train", 8), ("val", 6)):
        for label in range(4):
            folder = tmp_path / f"data/imagenet/{split}/n{label}"
            folder.mkdir(parents=True)
            for row in range(num):
                noise = generator.integers(0, 256, (44, 52, 3))
                pixels = (0.8 * noise + 0.2 * 255 * np.eye(4)[label, :3]).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"n{label}_{row}.JPEG", "JPEG")
    yield f"data.root={tmp_path / 'data'}"
    # A hundred megabytes each, which pytest would keep.
    for path in (*tmp_path.glob("*.pt*"), *tmp_path.glob("runs/**/*.ckpt")):
        path.unlink()


class Official(nn.Module):
    """The official network: the stem pads the image by 1 and its convolution by 2."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.net = torchvision.models.resnet50()
        for norm in (m for m in self.net.modules() if isinstance(m, nn.BatchNorm2d)):
            nn.init.uniform_(norm.running_mean, -0.1, 0.1)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
        self.net.conv1.padding = (2, 2)
        self.head = nn.Sequential(
            nn.Linear(2048, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8)
        )
        self.prototypes = nn.Linear(8, 6, bias=False)
        self.net.fc = nn.Identity()

    def embed(self, images):
        return self.net(F.pad(images, (1, 1, 1, 1)))

    def published(self):
        parts = {"": self.net, "projection_head.": self.head, "prototypes.": self.prototypes}
        return {
            f"module.{prefix}{name}": array
            for prefix, part in parts.items()
            for name, array in part.state_dict().items()
        }


def test_the_authors_file_gives_what_their_network_gives_and_may_be_exact(
    papers, imagenet, tmp_path
):
    official = Official()
    torch.save(official.published(), tmp_path / "weights.pth.tar")
    code, _, err = papers("evaluate", "swav/imagenet", "--weights", "weights.pth.tar", imagenet)
    assert code == 0, err
    (path,) = tmp_path.glob("runs/swav/imagenet/*/result.json")
    record = read_record(path)
    recipe = load_recipe("swav/imagenet", [imagenet])
    inputs = ImageData(recipe.data, 0).evaluation_inputs(official, "test")
    direct = run_protocols(["linear-sgd", "knn"], inputs, recipe.evaluation, 0, "test/")
    assert record.metrics == pytest.approx(direct)
    assert record.metrics != record.references["untrained"], "the file's weights count"
    assert (record.weights, record.epochs, record.batches) == ("published", 0, 0)
    assert (record.scaled, record.config_hash) == (False, recipe.hash())
    digest = hashlib.sha256((tmp_path / "weights.pth.tar").read_bytes()).hexdigest()
    assert record.weights_file == f"weights.pth.tar sha256:{digest}"

    def status(value, given=record):
        entry = next(e for e in load_all_reported() if is_published(e))
        metrics = {BEST: ReportedNumber(value=value, margin=entry.metrics[BEST].margin)}
        code = Code({"swav": record.code_digest}, {}, {"swav/imagenet": record.config_hash})
        board = make_leaderboard([dataclasses.replace(entry, metrics=metrics)], [given], code)
        return board.rows[0].status, to_markdown(paper_page(board, "swav", "LEADERBOARD.md"))

    found, page = status(record.metrics[BEST] + 0.1)
    assert found == "exact" and ": authors' weights\n" in page
    assert status(record.metrics[BEST] + 0.3)[0] == "below"
    trained = dataclasses.replace(record, weights="trained")
    assert status(record.metrics[BEST], trained)[0] == "not run"


def is_published(entry):
    setting = (entry.reference, entry.data, entry.weights)
    return setting == ("swav/imagenet", "imagenet", "published") and BEST in entry.metrics
