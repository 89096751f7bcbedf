"""What cannot be learned from: refused before anything runs, skipped, or warned about."""

import pytest
import torch
from PIL import Image

from common.config.recipe import load_recipe
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.errors import ConfigError, DataError
from common.runs.run import prepare_run
from papers.hydra.config import HydraConfig, SimLAPConfig
from papers.hydra.gate import SharedGate
from papers.hydra.module import SimLAP
from papers.hydra.momentum import Hydra
from tests.samples import SMALL_HYDRA as SMALL
from tests.training import listen

FACTS = ImageFacts(channels=1, size=12, num_classes=4, num_samples=48)
LABELS = torch.arange(12) % 4
KINDS = {SimLAP: SimLAPConfig(**SMALL), Hydra: HydraConfig(**SMALL)}


def make_batch(labels=LABELS):
    generator = torch.Generator().manual_seed(0)
    return ViewBatch([torch.rand(12, 1, 12, 12, generator=generator)] * 2, labels, None, [])


def make_and_log(kind=SimLAP, **changes):
    torch.manual_seed(0)
    module = kind(type(KINDS[kind])(**SMALL | changes), facts=FACTS)
    return module, listen(module)


@pytest.mark.parametrize("kind", [SimLAP, Hydra])
def test_images_that_cannot_be_learned_from_are_refused(kind):
    config = KINDS[kind]
    with pytest.raises(DataError, match=r"data.name: Hydra"):
        kind(config, facts=ImageFacts(num_classes=0))
    with pytest.raises(DataError, match=r"pairs=arbitrary.*3.*1"):
        kind(config, facts=ImageFacts(num_classes=1))
    some = ImageFacts(num_classes=4, num_samples=48, num_unlabelled=5)
    with pytest.raises(DataError, match=r"5.*48.*data\.labelled_only=true"):
        kind(config, facts=some)
    module = kind(config, facts=FACTS)
    with pytest.raises(DataError, match="3 of 12 images of a batch"):
        module.training_step(make_batch()._replace(labels=LABELS - 1), 0)


def test_images_without_labels_are_refused_for_the_method_not_for_its_protocols(tmp_path):
    for name in range(12):
        Image.new("L", (20, 20), 20 * name).save(tmp_path / f"{name}.png")
    recipe = load_recipe(
        "hydra/quick", ["data.name=image-folder", f"data.path={tmp_path}", "data.batch_size=4"]
    )
    with pytest.raises(DataError, match=r"data.name: Hydra"):
        prepare_run(recipe)


def test_views_and_images_that_patches_do_not_divide_are_refused_before_the_first_step():
    words = ["method.backbone=vit_tiny", "data.views=[{count: 2, size: 22}]"]
    with pytest.raises(ConfigError, match=r"data\.views of 22: .* patches of 4"):
        prepare_run(load_recipe("hydra/quick", words))
    words[1:] = ["data.views=[{count: 2, size: 16}]"]  # scattered digits have 20 x 20 pixels
    prepare_run(load_recipe("hydra/quick", words))
    with pytest.raises(ConfigError, match=r"data\.name: images of 20 .* patches of 16"):
        prepare_run(load_recipe("hydra/quick", [*words, "method.stem=imagenet"]))


def test_two_classes_are_enough_for_identical_pairs_alone():
    two = ImageFacts(channels=1, num_classes=2)
    assert SimLAP(SimLAPConfig(**SMALL, pairs="identical"), facts=two).num_classes == 2
    with pytest.raises(DataError, match=r"pairs=arbitrary.*3"):
        SimLAP(SimLAPConfig(**SMALL), facts=two)


def test_a_missing_class_is_skipped_and_a_batch_of_one_class_warned_about():
    module, logged = make_and_log(pairs="distinct")
    missing = torch.tensor([0, 1, 3]).repeat(4)
    loss = module.training_step(make_batch(missing), 0)
    assert torch.isfinite(loss) and loss > 0
    assert 0 < logged["diag/positives_per_anchor"] < 4
    with pytest.warns(UserWarning, match="no third class to tell a pair from"):
        loss = make_and_log(pairs="arbitrary")[0].training_step(make_batch(LABELS * 0), 0)
    assert loss == 0
    with pytest.warns(UserWarning, match="partner's"):
        loss = make_and_log(pairs="distinct")[0].training_step(make_batch(LABELS * 0), 0)
    assert loss == 0


def test_diagnostics_count_keys_and_show_the_gates():
    module, logged = make_and_log(pairs="identical")
    module.training_step(make_batch(), 0)
    assert logged["diag/positives_per_anchor"] == 3 and logged["diag/negatives_per_anchor"] == 9
    assert 0.2 < logged["diag/gate_open"] < 0.8
    assert logged["diag/gate_std_over_pairs"] > 0.01
    hydra, logged = make_and_log(Hydra, gate="shared")
    hydra.training_step(make_batch(), 0)
    assert isinstance(hydra.gate, SharedGate) and logged["diag/gate_std_over_pairs"] == 0
    mean = (logged["train/instance"] + logged["train/disparate"]) / 2
    assert abs(logged["train/loss"] - mean) < 1e-5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.views=[{count: 3, size: 20}]"], "compares 2 views of an image, not 3"),
        (["data.views=[{size: 20}, {size: 12}]"], r"one size, not of \[12, 20\]"),
        (["data.batch_size=2"], "at least 3 images"),
        (["method.gate=open", "method.entropy_weight=0.1"], "no gates to close"),
    ],
)
def test_recipes_that_cannot_work_are_refused_before_anything_runs(words, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe("hydra/quick", words)


def test_momentum_hydra_takes_two_views():
    with pytest.raises(ConfigError, match="momentum Hydra contrasts 2 views of an image, not 1"):
        load_recipe("hydra/quick:momentum", ["data.views=[{size: 20}]"])
