import sys
from subprocess import run

import pytest
import torch
from torch import nn

from common.config.recipe import load_recipe
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.module import ImageData
from common.data.images.sets import Split
from common.data.images.views import make_view_batch
from common.errors import ConfigError, DataError
from common.registry import Registry
from tests.recipes import evaluation

VIEWS = [
    ViewConfig(count=2, size=20, area=[0.4, 1.0], rotation=0.25, noise=0.08),
    ViewConfig(count=1, size=12, area=[0.15, 0.5], jitter=0.8, blur=0.5, solarise=0.2),
]


def data(**changes):
    made = ImageData(ImageConfig(**{"views": VIEWS, "batch_size": 64, **changes}), seed=3)
    made.load()
    return made


class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def embed(self, x):
        assert not self.training and not torch.is_grad_enabled()
        return self.scale * x.mean((2, 3))


class FakeTrainer:
    def __init__(self, rank, world_size):
        self.global_rank, self.world_size = rank, world_size


def batches_of(made, num=3):
    loader = made.train_dataloader()
    return [made.on_after_batch_transfer(b, 0) for _, b in zip(range(num), loader, strict=False)]


def test_views_facts_and_description():
    made = data()
    batch = batches_of(made, 1)[0]
    assert [tuple(v.shape) for v in batch.views] == [(64, 1, 20, 20)] * 2 + [(64, 1, 12, 12)]
    assert [tuple(c.shape) for c in batch.crops] == [(64, 6)] * 3
    assert made.facts.num_classes == 10 and made.facts.num_samples == 4668
    assert "4,668 train" in made.describe() and made.fingerprint in made.describe()
    assert not torch.equal(batch.views[0], batch.views[1])


def test_protocols_without_labels_are_refused_before_training(tmp_path, packing):
    for number, image in enumerate(packing.random(12)):
        (tmp_path / f"{number}.png").write_bytes(packing.encode(image))
    made = data(name="image-folder", path=str(tmp_path), batch_size=2, test_share=0.25)
    made.check_evaluation(evaluation("pixpro"))
    message = r"no labels.*evaluation\.protocols=\[\]"
    with pytest.raises(DataError, match=message):
        made.check_evaluation(evaluation("pixpro", protocols=["knn"]))
    with pytest.raises(DataError, match="its images have no labels"):
        made.references("test")["raw"].features  # noqa: B018 (embeds at first use)
    assert made.facts.num_classes == 0 and made.facts.num_unlabelled == made.facts.num_samples


def test_images_with_classes_of_pixels_alone_are_refused_before_training():
    made = data(name="digit-scenes", batch_size=2)
    made.check_evaluation(evaluation("pixpro", protocols=["correspondence", "dense-probe"]))
    message = r"digit-scenes.*evaluation\.protocols=\[\]"
    for protocols in (["dense-probe", "knn"], ["finetune"], ["linear-sgd"]):
        with pytest.raises(DataError, match=message):
            made.check_evaluation(evaluation("pixpro", protocols=protocols))
    with pytest.raises(DataError, match=message):
        made.check_evaluation(evaluation("pixpro", protocols=["dense-probe"], online=["few-label"]))


def test_too_few_labels_for_a_protocol_are_refused_before_training(tmp_path, packing):
    for number, image in enumerate(packing.random(30)):
        folder = tmp_path / ("few" if number % 5 == 0 else "many")
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.png").write_bytes(packing.encode(image))
    made = data(name="image-folder", path=str(tmp_path), batch_size=2, test_share=0.2, holdout=0)
    enough = evaluation("pixpro", protocols=["knn", "few-label"])
    enough.few_label.labels = [1]
    made.check_evaluation(enough)
    with pytest.raises(ConfigError, match=r"labels: class 0 has \d labelled samples, 10 w"):
        made.check_evaluation(evaluation("pixpro", protocols=["few-label"]))
    many = evaluation("pixpro", protocols=["knn"])
    many.knn.k = 25
    with pytest.raises(ConfigError, match=r"evaluation\.knn\.k=25.*24"):
        made.check_evaluation(many)


def test_two_processes_make_the_rows_that_one_makes():
    whole = batches_of(data())
    parts = []
    for rank in range(2):
        made = data()
        made.trainer = FakeTrainer(rank, 2)
        parts.append(batches_of(made))
    for step, one in enumerate(whole):
        for view in range(3):
            both = torch.cat([parts[rank][step].views[view] for rank in range(2)])
            assert torch.equal(both, one.views[view])
        assert torch.equal(torch.cat([parts[rank][step].labels for rank in range(2)]), one.labels)


def test_workers_and_global_random_state_do_not_matter():
    alone = batches_of(data())
    before = torch.get_rng_state()
    with_workers = batches_of(data(workers=2))
    assert torch.equal(before, torch.get_rng_state())
    for one, other in zip(alone, with_workers, strict=True):
        assert all(map(torch.equal, one.views, other.views))


def test_seek_enters_at_any_batch():
    made = data()
    per_epoch = len(made.train_dataloader())
    sought = data()
    sought.seek(per_epoch + 1)
    loader = made.train_dataloader()
    loader.sampler.set_epoch(1)
    second = list(loader)[1]
    first = next(iter(sought.train_dataloader()))
    assert torch.equal(first.key.rows, second.key.rows) and first.key[1:] == second.key[1:]
    assert first.key.batch == 1
    assert torch.equal(first.images, second.images)


def test_views_depend_on_seed_epoch_and_batch():
    made = data()
    batch = next(iter(made.train_dataloader()))
    base = make_view_batch(batch, made.config, 3).views[0]
    assert torch.equal(base, make_view_batch(batch, made.config, 3).views[0])
    later = batch._replace(key=batch.key._replace(epoch=1))
    assert not torch.equal(base, make_view_batch(later, made.config, 3).views[0])
    assert not torch.equal(base, make_view_batch(batch, made.config, 4).views[0])


def test_evaluation_inputs_and_references():
    made, module = data(mean=[0.5], std=[2.0]), Mean().train()
    features = made.evaluation_inputs(module, "test").features
    assert module.training
    assert features.train_x.shape == (5188, 1) and features.test_x.shape == (1000, 1)
    pixels = made.references("test")["raw"].features
    assert pixels.train_x.shape == (5188, 400)
    torch.testing.assert_close((pixels.test_x.mean(1) - 0.5) / 2, features.test_x[:, 0])
    assert made.evaluation_inputs(module, "val").features.train_x.shape == (4668, 1)
    with pytest.raises(DataError, match=r"data\.holdout"):
        data(holdout=0.0).references("val")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": [0.1, 0.2], "std": [1.0, 1.0]}, "2 values for 1 channels"),
        ({"mean": [0.1]}, "differ in length"),
        ({"views": []}, "at least one view"),
    ],
)
def test_bad_configurations_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        data(**changes)


def test_a_batch_of_more_images_than_there_are_is_refused_for_training_alone():
    made = data(batch_size=5000)
    assert made.evaluation_inputs(Mean(), "test").num_classes == 10
    for train in (made.check_training, made.train_dataloader):
        with pytest.raises(ConfigError, match="4668 training images"):
            train()


def test_colour_needs_a_known_number_of_channels(monkeypatch):
    two = {"train": Split(torch.rand(200, 2, 8, 8), torch.zeros(200).long())}
    monkeypatch.setattr(Registry, "get", lambda self, name: lambda root: two)
    with pytest.raises(ConfigError, match="1 or 3 channels, not 2"):
        data()


def test_batch_must_be_divisible_by_processes():
    made = data()
    made.trainer = FakeTrainer(0, 5)
    with pytest.raises(ConfigError, match="5 processes; use 60 or 65"):
        made.train_dataloader()


def test_unknown_set_and_bad_range_are_refused():
    with pytest.raises(ConfigError, match="'scattered-digits'"):
        load_recipe("swav", ["data.name=scattered-digit"])
    with pytest.raises(ConfigError, match=r"area must be \[low, high\]"):
        ViewConfig(area=[0.5, 0.1])


def test_the_schema_imports_no_torch():
    code = "import sys, common.data.images.config; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
