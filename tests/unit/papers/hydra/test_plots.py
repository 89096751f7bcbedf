from types import SimpleNamespace

import torch

from common.data.images.config import ImageFacts
from common.plots.draw import to_png
from papers.hydra.config import SimLAPConfig
from papers.hydra.gate import active_count, class_relations, pair_gates
from papers.hydra.module import SimLAP
from papers.hydra.plots import draw
from tests.samples import SMALL_HYDRA as SMALL


def make(classes, **changes):
    torch.manual_seed(0)
    facts = ImageFacts(channels=1, size=12, num_classes=classes)
    names = ["cat", "dog"]
    data = SimpleNamespace(set={"train": SimpleNamespace(class_names=names)})
    return SimLAP(SimLAPConfig(**SMALL | changes), facts=facts), data


def image(figure):
    return torch.tensor(figure.axes[0].images[0].get_array())


def labels(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_matrices_show_the_relations_and_open_dimensions_with_their_numbers():
    module, data = make(4)
    plots = draw(module, data)
    assert set(plots) == {"gates", "open_dimensions", "relations"}
    relations, opened = plots["relations"](), plots["open_dimensions"]()
    expected = class_relations(module.gate, 4)
    torch.testing.assert_close(image(relations), expected)
    counts = active_count(pair_gates(module.gate, torch.arange(4)))
    assert torch.equal(image(opened), counts)
    assert labels(relations) == ["cat", "dog", "2", "3"]
    assert [text.get_text() for text in relations.axes[0].texts][1] == f"{expected[0, 1]:.2f}"
    assert [text.get_text() for text in opened.axes[0].texts][1] == str(int(counts[0, 1]))
    assert module.gate.training and to_png(relations).startswith(b"\x89PNG")


def test_gates_have_a_row_for_each_pair_and_the_most_open_dimension_first():
    module, data = make(4)
    figure = draw(module, data)["gates"]()
    shown = image(figure)
    assert shown.shape == (6, 8) and (shown.mean(0).diff() <= 0).all()
    assert labels(figure)[:2] == ["cat, dog", "cat, 2"]
    gates = pair_gates(module.gate, torch.arange(4))
    torch.testing.assert_close(shown[0].sort().values, gates[0, 1].sort().values)
    spread = shown.std(0, unbiased=False).mean()
    assert f"deviation over pairs {spread:.2f}" in figure.get_suptitle().replace("\n", " ")
    shared, _ = make(4, gate="shared")
    assert "over pairs 0.00" in draw(shared, data)["gates"]().get_suptitle().replace("\n", " ")


def test_of_many_classes_some_are_drawn_without_numbers():
    module, data = make(60)
    plots = draw(module, data)
    figure = plots["relations"]()
    assert image(figure).shape == (40, 40) and not figure.axes[0].texts
    assert labels(figure)[0] == "cat" and labels(figure)[-1] == "59"
    assert "40 of 60 classes" in figure.get_suptitle()
    assert image(plots["gates"]()).shape == (45, 8)


def test_an_open_gate_has_nothing_to_show():
    assert draw(*make(4, gate="open")) == {}
