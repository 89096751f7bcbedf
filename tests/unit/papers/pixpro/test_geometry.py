import math

import pytest
import torch

from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.lazy import ImageBatches
from common.data.images.per_sample import make_views_singly
from common.data.images.sets import Split
from common.data.images.views import collect_views, make_views
from common.data.sampler import BatchKey
from common.errors import DataError
from papers.pixpro.geometry import cell_centres, cell_distances, crop_coordinates

WHOLE = torch.tensor([[0.0, 0.0, 1.0, 1.0]])


def make_boxes(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def make_sizes(height, width, num=1):
    return torch.tensor([[height, width]] * num)


def test_the_whole_image_spans_both_sides_whatever_its_shape():
    boxes, sizes = make_boxes([0, 0, 5, 9]), make_sizes(5, 9)
    assert crop_coordinates(boxes, sizes).tolist() == [[0, 0, 1, 1]]
    assert crop_coordinates(boxes, sizes, mirrored=torch.ones(1)).tolist() == [[1, 0, 0, 1]]
    assert crop_coordinates(boxes, sizes, upside_down=torch.ones(1)).tolist() == [[0, 1, 1, 0]]


def test_each_side_is_measured_by_itself():
    # Columns 2 to 5 of 9, rows 1 to 2 of 5.
    found = crop_coordinates(make_boxes([1, 2, 2, 4]), make_sizes(5, 9))
    assert found.tolist() == [[2 / 8, 1 / 4, 5 / 8, 2 / 4]]


def test_a_mirrored_cell_is_where_its_pixels_are():
    # The cells of a 4 x 4 crop are its pixels; mirrored, they come in reverse.
    boxes, sizes = make_boxes([0, 0, 4, 4]), make_sizes(4, 4)
    plain, _ = cell_centres(crop_coordinates(boxes, sizes), (4, 4))
    turned, _ = cell_centres(crop_coordinates(boxes, sizes, mirrored=torch.ones(1)), (4, 4))
    torch.testing.assert_close(turned, plain.flip(1))


def test_distances_by_hand_with_maps_of_different_shapes():
    first, second = WHOLE.double(), torch.tensor([[0.5, 0.0, 1.0, 0.5]]).double()
    found = cell_distances(first, second, (2, 2), (1, 2))
    # Centres 0.25 and 0.75 both ways; 0.625 and 0.875 across, 0.25 along. Cells of 0.5 x 0.5 and of
    # 0.25 x 0.5: the first are larger.
    diagonal = math.hypot(0.5, 0.5)
    rows = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
    expected = [
        [math.hypot(x - other, y - 0.25) / diagonal for other in (0.625, 0.875)] for x, y in rows
    ]
    torch.testing.assert_close(found, torch.tensor([expected]).double())


def test_the_larger_cell_is_the_measure_in_both_directions():
    small = torch.tensor([[0.4, 0.4, 0.6, 0.6]])
    one = cell_distances(WHOLE, small, (3, 3), (5, 4))
    other = cell_distances(small, WHOLE, (5, 4), (3, 3))
    torch.testing.assert_close(one, other.transpose(1, 2))


def test_equal_crops_have_their_neighbours_just_beyond_the_papers_threshold():
    found = cell_distances(WHOLE, WHOLE, (7, 7), (7, 7))[0]
    assert torch.equal(found.diagonal(), torch.zeros(49))
    assert 0.7 < float(found[0, 1]) < 0.71


def test_views_of_one_pixel_are_near_at_the_same_place_only():
    pixels = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]])
    others = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.1, 0.5, 0.1, 0.5]])
    found = cell_distances(pixels, others, (2, 2), (2, 2))
    assert torch.equal(found[0], torch.zeros(4, 4))
    assert torch.equal(found[1], torch.full((4, 4), torch.inf))


def test_a_crop_of_one_row_has_distances():
    # One row of pixels: cells without height, but with a diagonal.
    line = crop_coordinates(make_boxes([3, 0, 1, 8]), make_sizes(8, 8))
    found = cell_distances(line, WHOLE.double(), (4, 4), (4, 4))
    assert torch.isfinite(found).all()


def test_odd_crops_are_named():
    for broken in ([0, 0, 0, 4], [0, 6, 4, 4], [-1, 0, 4, 4]):
        boxes = make_boxes([0, 0, 4, 4], broken)
        with pytest.raises(DataError, match=r"crop 1 of the batch .* empty or leaves its image"):
            crop_coordinates(boxes, make_sizes(8, 8, 2))
    with pytest.raises(DataError, match="image 0 of the batch is 1 x 8"):
        crop_coordinates(make_boxes([0, 0, 1, 4]), make_sizes(1, 8))
    with pytest.raises(ValueError, match="coordinates"):
        cell_distances(WHOLE, WHOLE.expand(2, 4), (2, 2), (2, 2))


@pytest.mark.parametrize("make", [make_views, make_views_singly])
def test_what_is_seen_in_a_view_is_where_its_coordinates_say(make):
    # Two channels that hold each pixel's own place: a view of them must show its cells' centres.
    height, width = 24, 40
    x = torch.linspace(0, 1, width).expand(height, width)
    y = torch.linspace(0, 1, height)[:, None].expand(height, width)
    images = torch.stack([x, y, x]).expand(6, 3, height, width)
    view = ViewConfig(count=2, size=8, area=[0.2, 0.9], flip=0.5)
    config = ImageConfig(batch_size=6, views=[view])
    key = BatchKey(torch.arange(6), 0, 0, 0, 6)
    whole = ImageBatches(Split(images, torch.zeros(6)))
    made = collect_views(whole[key], config, 1, make)
    assert made.sizes is not None and made.sizes.tolist() == [[height, width]] * 6
    flips = torch.cat([crops[:, 4] for crops in made.crops])
    assert 0 < int(flips.sum()) < 12, "both kinds must be among them"
    for shown, crops in zip(made.views, made.crops, strict=True):
        places = crop_coordinates(crops[:, :4], made.sizes, crops[:, 4])
        across, along = cell_centres(places, (8, 8))
        # A cell of the official grid is within a pixel of where its colours come from; the border
        # cells of a shrunken crop are weighted by the pixels that are there.
        inner = slice(1, -1)
        seen = shown[:, 0].mean(1)[:, inner], shown[:, 1].mean(2)[:, inner]
        torch.testing.assert_close(seen[0], across[:, inner], atol=1 / width, rtol=0)
        torch.testing.assert_close(seen[1], along[:, inner], atol=1 / height, rtol=0)
