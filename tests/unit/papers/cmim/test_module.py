"""cMIM's module, its recipe's refusals, its digits and its protocols."""

from types import SimpleNamespace

import pytest
import torch

from common.config.recipe import load_recipe
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from common.data.images.module import ImageData
from common.data.images.sets import check_set
from common.errors import ConfigError, DataError
from common.evaluation.vectors import FeatureSet
from papers.cmim.config import CMIMConfig, EuclidKnnConfig, ReconstructionConfig
from papers.cmim.module import CMIM
from papers.cmim.protocols import evaluate_euclid_knn, evaluate_reconstruction
from papers.cmim.readers.digits import digits
from tests.training import listen

SMALL = {"encoder_dims": [7], "code_dim": 4, "decoder_dims": [9, 8]}
FACTS = ImageFacts(channels=2, size=6)
IMAGES = torch.rand(5, 2, 6, 6, generator=torch.Generator().manual_seed(1))


def make_module(**changes) -> CMIM:
    torch.manual_seed(0)
    return CMIM(CMIMConfig(**SMALL | changes), facts=FACTS)


def test_both_embeddings_are_of_the_codes_mean():
    code, informative = make_module().eval(), make_module(embedding="informative").eval()
    mean, _ = code.encode(IMAGES)
    assert torch.equal(code(IMAGES), mean) and mean.shape == (5, 4)
    assert torch.equal(informative(IMAGES), code.decoder[:4](mean))
    assert informative(IMAGES).shape == (5, 8)


def test_log_deviations_are_clamped_before_a_code_is_drawn():
    module = make_module(log_scale_min=-0.01)
    assert module.encode(IMAGES)[1].min() >= -0.01
    assert make_module().encode(IMAGES)[1].min() < -0.01


def test_a_view_of_another_size_is_refused_by_its_shape():
    with pytest.raises(DataError, match=r"\(2, 5, 5\)"):
        make_module().training_step([IMAGES[:, :, :5, :5]], 0)


def test_parts_are_logged_and_sum_to_the_loss():
    module = make_module(density_weight=0.5)
    logged = listen(module)
    loss = module.training_step([IMAGES], 0).item()
    parts = [logged[f"train/{name}"] for name in ("reconstruction", "density", "contrast")]
    assert loss == pytest.approx(sum(parts), rel=1e-6)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("data.views", ["data.views=[{count: 2, size: 8}]"]),
        ("data.mean", ["data.mean=[0.5]", "data.std=[0.5]"]),
        ("method.sampled", ["method.sampled=false"]),
        ("method.embedding", ["method.reconstruction_weight=0", "method.embedding=informative"]),
    ],
)
def test_settings_that_do_not_agree_are_refused(key, words):
    with pytest.raises(ConfigError, match=f"^{key}"):
        load_recipe("cmim/quick", words)


def test_digits_are_what_the_docstring_says_and_the_views_are_the_images():
    check_set("digits", digits())
    data = ImageData(ImageConfig(**vars(load_recipe("cmim").data)), 0)
    data.load()
    assert {name: len(part) for name, part in data.set.items()} == {"train": 1297, "test": 500}
    batch = next(iter(data.train_dataloader()))
    (view,) = data.on_after_batch_transfer(batch, 0).views
    torch.testing.assert_close(view, batch.images / 255, rtol=0, atol=1e-6)


def measure_neighbours(test, k):
    train_x = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    features = FeatureSet(train_x, torch.tensor([0, 1, 1, 2]), test, torch.tensor([0]))
    return evaluate_euclid_knn(features, EuclidKnnConfig(k=k), 0)["euclid_knn_top1"]


def test_the_majority_decides_and_the_nearest_between_equals():
    at_zero = torch.tensor([[0.0]])
    assert measure_neighbours(at_zero, 1) == 100
    assert measure_neighbours(at_zero, 2) == 100
    assert measure_neighbours(at_zero, 3) == 0


def test_fewer_samples_than_neighbours_are_refused():
    inputs = SimpleNamespace(train=SimpleNamespace(known=torch.zeros(4)))
    with pytest.raises(ConfigError, match="k=5"):
        EuclidKnnConfig().check_inputs(inputs)


def test_the_error_is_of_whole_images_and_of_a_decoder_alone():
    views = [ViewConfig(size=8, area=[1.0, 1.0], ratio=[1.0, 1.0], flip=0)]
    data = ImageData(ImageConfig(name="digits", views=views), 0)
    module = CMIM(CMIMConfig(**SMALL), facts=data.facts)

    def measure(module):
        inputs = data.evaluation_inputs(module, "test")
        return evaluate_reconstruction(inputs, ReconstructionConfig(), 0)

    images = data.set["test"].images / 255
    with torch.no_grad():
        expected = (module.eval().reconstruct(images) - images).square().mean()
    assert measure(module)["reconstruction_error"] == pytest.approx(float(expected), rel=1e-5)
    without = CMIMConfig(**SMALL, reconstruction_weight=0, density="none", contrast="two-samples")
    assert measure(CMIM(without, facts=data.facts)) == measure(None) == {}
