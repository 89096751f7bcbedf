import io

import pytest
import torch
from PIL import Image
from torch import nn

from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.lazy import LazySplit
from common.data.images.module import ImageData
from common.data.images.sets import Split
from common.paper import get_paper
from common.plots import images as plots
from common.plots.draw import draw_plots
from common.plots.images import EmbeddedImages, draw_images, first_of_each_class, views_of

VIEWS = [ViewConfig(count=2, size=20, area=[0.5, 1.0]), ViewConfig(count=1, size=12)]


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen = 0

    def embed(self, x):
        self.seen += len(x)
        return self.scale * x.flatten(1)


@pytest.fixture(scope="module")
def data():
    made = ImageData(ImageConfig(views=VIEWS, mean=[0.2], std=[0.3], holdout=0.0), seed=1)
    made.load()
    return made


def test_all_three_are_drawn(data, tmp_path):
    said = []
    files = draw_plots(get_paper("swav"), Flat(), data, None, tmp_path, said.append)
    assert [path.stem for path in files] == ["views", "neighbours", "embedding_map"]
    assert said == []
    for path in files:
        with Image.open(path) as image:
            image.load()
            assert min(image.size) > 200


def test_views_are_those_of_training_without_its_normalisation(data):
    split, rows = data.set["train"], torch.tensor([5, 700, 40])
    views = views_of(split.images[rows], split.labels[rows], rows, data)
    assert [tuple(view.shape) for view in views] == [(3, 1, 20, 20)] * 2 + [(3, 1, 12, 12)]
    assert all(view.min() > -1e-6 and view.max() < 1 + 1e-6 for view in views)
    (axes,) = draw_images(Flat(), data)["views"]().axes
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["image", "view 1\n20 px", "view 2\n20 px", "view 3\n12 px"]


def test_a_image_among_the_training_ones_is_its_own_neighbour(data):
    module = Flat()
    train = EmbeddedImages(module, data, "train", 50)
    figure = plots.neighbours_plot(train, train)
    (axes,) = figure.axes
    assert axes.get_xticklabels()[0].get_text() == "query"
    image = axes.images[0].get_array()
    centres = [int(x) for x in axes.get_xticks()]
    row = int(axes.get_yticks()[0])
    assert (image[row, centres[0]] == image[row, centres[1]]).all()
    assert axes.patches[0].get_linestyle() == "solid"
    assert "framed solid" in figure.get_suptitle().replace("\n", " ")


def test_unlabelled_images_have_no_frames_and_no_share(data):
    sample = EmbeddedImages(Flat(), data, "train", 30)
    sample.labels = torch.full((30,), -1)
    figure = plots.neighbours_plot(sample, sample)
    assert list(figure.axes[0].patches) == []
    assert "class" not in figure.get_suptitle()


def test_a_sample_embeds_its_own_rows_once_and_never_the_whole(data):
    module = Flat()
    sample = EmbeddedImages(module, data, "train", 40)
    assert sample.h is sample.h and module.seen == 40
    x = data.set["train"].images[sample.rows].float() / 255
    assert torch.allclose(sample.h, ((x - 0.2) / 0.3).flatten(1), atol=1e-6)
    assert EmbeddedImages(module, data, "no such split", 3).name == "train"


def test_queries_are_of_as_many_classes_as_there_are():
    labels = torch.tensor([3, 3, 3, 1, 1, 2, -1])
    assert labels[first_of_each_class(labels, 4)].tolist() == [-1, 1, 2, 3]
    assert labels[first_of_each_class(labels, 6)].tolist() == [-1, 1, 1, 2, 3, 3]


class Files:
    upright = True

    def __init__(self):
        self.reads = 0

    def name(self, row):
        return f"{row}.png"

    def size(self, row):
        return 1

    def read(self, row):
        self.reads += 1
        content = io.BytesIO()
        Image.new("RGB", (30 + row % 7, 40), (row % 250, 0, 0)).save(content, "PNG")
        return content.getvalue()


def test_images_in_files_are_read_by_the_sample_only(data):
    source = Files()
    split = LazySplit(source, torch.arange(5000), torch.arange(5000) % 3, class_names=("a", "b"))
    config = ImageConfig(views=VIEWS, test_resize=8, test_crop=8, holdout=0.0)
    files = ImageData(config, seed=1)
    files.set = {"train": split, "test": split}
    assert isinstance(data.set["train"], Split)
    drawn = draw_images(Flat(), files)
    figures = {name: make() for name, make in drawn.items()}
    assert source.reads < 2000
    names = [text.get_text() for text in figures["embedding_map"].legends[0].get_texts()]
    assert names == ["a", "b", "2"]
