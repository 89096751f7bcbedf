from types import SimpleNamespace

import numpy as np
import torch

from common.data.targets.open_world.config import OpenWorldFacts
from common.data.targets.open_world.samples import Part
from common.evaluation.open_world_inputs import OpenWorldInputs
from common.plots.draw import to_png
from papers.owdfa_cpl.baselines import Classifier
from papers.owdfa_cpl.config import ClassifierConfig, CPLConfig
from papers.owdfa_cpl.module import CPL
from papers.owdfa_cpl.plots import draw, matched_heads

FACTS = OpenWorldFacts(3, 32, 4, 2, 20, 12)


def make_data():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (24, 3, 32, 32), generator=generator).to(torch.uint8)
    part = Part(images, torch.arange(24) % 4, torch.ones(24))
    found = SimpleNamespace(test=part, class_names=("a", "b", "c", "d"), num_known=2)

    def prepare(x):
        return x.float() / 255

    return SimpleNamespace(
        whole=found,
        prepare_images=prepare,
        evaluation_inputs=lambda module, split: OpenWorldInputs(
            part.images, part.labels, 2, prepare, module
        ),
    )


def test_the_best_matching_is_the_diagonal():
    truth, guess = np.array([0, 0, 1, 1, 2, 2]), np.array([5, 5, 0, 0, 3, 0])
    assert matched_heads(truth, guess, 6).tolist() == [5, 0, 3, 1, 2, 4]
    one = matched_heads(truth, np.zeros(6, dtype=int), 3)
    assert sorted(one.tolist()) == [0, 1, 2], "every head once, also where one has everything"


def test_both_plots_are_drawn_of_test_images():
    torch.manual_seed(0)
    module = CPL(CPLConfig(backbone="forensic_conv", parts=2), None, FACTS).eval()
    figures = {name: make() for name, make in draw(module, make_data()).items()}
    assert set(figures) == {"confusion", "votes"}
    shares = figures["confusion"].axes[0].images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    titles = {axes.get_title() for axes in figures["votes"].axes}
    assert {"trusted", "refused"} & titles and {"a", "b", "c", "d"} & titles
    for figure in figures.values():
        assert to_png(figure).startswith(b"\x89PNG")


def test_arms_without_a_vote_have_no_image_of_it():
    module = Classifier(ClassifierConfig(backbone="forensic_conv"), None, FACTS).eval()
    assert set(draw(module, make_data())) == {"confusion"}
