import pytest
import torch

from common.plots.embedding_map import main_components


def test_main_components_keep_distances_of_flat_points():
    plane = torch.randn(20, 2, dtype=torch.float64) @ torch.randn(2, 6, dtype=torch.float64)
    points, share = main_components(plane)
    assert share == pytest.approx(1)
    torch.testing.assert_close(torch.cdist(points, points), torch.cdist(plane, plane))


def test_one_point_is_drawn_as_one_point():
    points, share = main_components(torch.ones(5, 3, dtype=torch.float64))
    assert share == 0 and points.abs().max() < 1e-12


def test_what_has_one_dimension_lies_on_a_line():
    points, share = main_components(torch.tensor([[1.0], [3.0]]))
    assert (
        share == pytest.approx(1)
        and points[:, 0].abs().tolist() == pytest.approx([1, 1])
        and not points[:, 1].any()
    )
