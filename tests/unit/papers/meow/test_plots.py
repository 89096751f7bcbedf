from types import SimpleNamespace

import torch

from common.evaluation.node_inputs import NodeEmbeddings
from common.paper import get_paper
from common.plots.draw import draw_plots
from papers.meow import plots


def stub(labels):
    """A data module that embeds a node as its class, so that classes are apart."""
    z = torch.randn(len(labels), 4, generator=torch.Generator().manual_seed(0))
    inputs = NodeEmbeddings(z + 20 * labels[:, None], None, labels, {})
    return SimpleNamespace(
        graph=SimpleNamespace(target="author"),
        facts=SimpleNamespace(num_classes=int(labels.max()) + 1),
        evaluation_inputs=lambda module, split: inputs,
    )


def test_labelled_nodes_of_a_sample_are_points_coloured_by_class(monkeypatch):
    monkeypatch.setattr(plots, "SAMPLE", 40)
    labels = torch.tensor([0, 1, 2, -1] * 15)
    figure = plots.draw(torch.nn.Identity(), stub(labels))["nodes_map"]()
    points = [len(collection.get_offsets()) for collection in figure.axes[0].collections]
    assert len(points) == 3 and sum(points) == 40
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["class 0", "class 1", "class 2"]
    assert "40 labelled author nodes" in figure.get_suptitle()


def test_a_run_draws_it(tmp_path):
    said = []
    data = stub(torch.tensor([0, 1, -1] * 5))
    files = draw_plots(
        get_paper("meow"), torch.nn.Identity(), data, None, tmp_path / "plots", said.append
    )
    assert [path.name for path in files] == ["nodes_map.png"] and not said


def test_a_graph_without_labels_is_not_drawn():
    assert plots.draw(torch.nn.Identity(), stub(torch.full((15,), -1))) == {}
