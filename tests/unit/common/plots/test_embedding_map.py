import numpy as np
import pytest
import torch

from common.plots.embedding_map import NAMED_CLASSES, embedding_map, in_plane


def clusters(num=3, each=20):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(num).repeat_interleave(each)
    return torch.randn(len(labels), 60, generator=generator) + 20 * labels[:, None], labels


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_clusters_stay_apart_and_the_map_is_the_same_each_time():
    h, labels = clusters()
    points = in_plane(h.numpy())
    assert points.shape == (60, 2)
    centres = np.stack([points[labels == label].mean(0) for label in range(3)])
    nearest = ((points[:, None] - centres) ** 2).sum(2).argmin(1)
    assert (nearest == labels.numpy()).all()
    assert np.array_equal(points, in_plane(h.numpy()))


def test_classes_are_named_where_names_are_known():
    h, labels = clusters()
    figure = embedding_map(h, labels, ("cat", "dog"), "a title")
    assert legend(figure) == ["cat", "dog", "2"]
    assert [len(points.get_offsets()) for points in figure.axes[0].collections] == [20, 20, 20]


def test_beyond_ten_classes_the_rarer_are_grey():
    h, labels = clusters(12, each=5)
    labels[:2] = 11
    found = legend(embedding_map(h, labels, (), "t"))
    assert len(found) == NAMED_CLASSES + 1 and found[0] == "other classes"
    assert "11" in found and "0" not in found


def test_no_two_classes_look_alike():
    h, labels = clusters(NAMED_CLASSES, each=4)
    kinds = set()
    for points in embedding_map(h, labels, (), "t").axes[0].collections:
        shape = points.get_paths()[0].vertices.round(3).tobytes()
        kinds.add((points.get_facecolor().tobytes(), points.get_edgecolor().tobytes(), shape))
    looks = {(face, edge) for face, edge, _ in kinds}
    assert len(kinds) == len(looks) == NAMED_CLASSES, "colour or filling tells, not the shape alone"


def test_without_labels_there_is_one_colour():
    h, labels = clusters()
    assert legend(embedding_map(h, torch.full_like(labels, -1), (), "t")) == ["no label"]


def test_a_collapse_is_one_point_and_a_nan_an_error():
    assert (in_plane(np.full((9, 4), 0.3, np.float32)) == 0).all()
    with pytest.raises(ValueError, match="not finite"):
        in_plane(np.array([[1.0, np.nan], [0.0, 1.0]]))
