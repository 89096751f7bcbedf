import numpy as np
import torch
from matplotlib.colors import to_hex

from common.plots.draw import to_png
from common.plots.images import CELL, GAP, central_squares, image_grid
from common.plots.style import OTHER, SAME


def test_images_of_any_size_and_depth_become_equal_cells():
    wide = torch.zeros(3, 10, 30)
    wide[:, :, 10:20] = 1
    large = torch.full((1, 200, 100), 128, dtype=torch.uint8)
    cells = central_squares([wide, large, torch.rand(5, 8, 8)])
    assert cells.shape == (3, 3, CELL, CELL)
    # The central square of the wide one is its white third.
    assert cells[0].min() == 1
    assert torch.allclose(cells[1], torch.tensor(128 / 255), atol=1e-2)
    assert torch.equal(cells[2, 0], cells[2, 2])


def test_small_images_keep_their_sharp_pixels():
    cell = central_squares(torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]]))[0, 0]
    assert set(cell.unique().tolist()) == {0.0, 1.0}
    assert cell[0, 0] == 0 and cell[0, -1] == 1


def test_a_grid_shows_each_image_under_its_label():
    cells = torch.arange(6.0).div(10).reshape(2, 3, 1, 1, 1).expand(2, 3, 3, CELL, CELL)
    figure = image_grid(cells, "a title", ["x", "y", "z"], ["first", "second"])
    (axes,) = figure.axes
    assert figure.get_suptitle() == "a title"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["x", "y", "z"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]
    image = axes.images[0].get_array()
    for row, y in enumerate(axes.get_yticks()):
        for column, x in enumerate(axes.get_xticks()):
            assert np.allclose(image[int(y), int(x)], cells[row, column, 0, 0, 0])
    assert axes.patches == [] or list(axes.patches) == []
    assert to_png(figure).startswith(b"\x89PNG")


def test_frames_tell_alike_from_different_without_colours_too():
    cells = torch.zeros(1, 3, 3, CELL, CELL)
    figure = image_grid(cells, "t", ["q", "1", "2"], same=torch.tensor([[-1, 1, 0]]))
    alike, different = figure.axes[0].patches
    assert [to_hex(p.get_edgecolor()) for p in (alike, different)] == [SAME.lower(), OTHER.lower()]
    assert alike.get_linestyle() != different.get_linestyle()
    assert GAP + CELL < alike.get_x() < different.get_x()
