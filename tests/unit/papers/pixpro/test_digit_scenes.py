import torch

from common.data.images.sets import check_set
from papers.pixpro.readers.digit_scenes import CELL, CLASS_NAMES, digit_scenes


def test_scenes_are_what_the_docstring_says_and_the_same_each_time():
    made, again = digit_scenes(), digit_scenes()
    check_set("digit-scenes", made)
    assert {name: len(part) for name, part in made.items()} == {"train": 1500, "test": 200}
    for name, part in made.items():
        assert part.shape == (1, 48, 48) and part.images.dtype == torch.uint8
        assert part.class_names == CLASS_NAMES and not (part.labels >= 0).any()
        assert torch.equal(part.images, again[name].images)
        assert torch.equal(part.label_maps, again[name].label_maps)
        assert part.label_maps.unique().tolist() == [0, 1, 2, 3, 4]


def test_a_quarter_holds_one_digit_at_most_and_mostly_one():
    maps = digit_scenes()["train"].label_maps
    quarters = maps.unfold(1, CELL, CELL).unfold(2, CELL, CELL).flatten(0, 2).flatten(1)
    kinds = torch.stack([(quarters == kind).any(1) for kind in (1, 2, 3, 4)], 1).sum(1)
    assert int(kinds.max()) == 1
    share = (kinds == 1).double().mean()
    assert 0.78 < share < 0.82, "probability 0.8, six thousand quarters"


def test_digits_are_brighter_than_their_background():
    part = digit_scenes()["test"]
    images, inside = part.images[:, 0].double(), part.label_maps > 0
    assert images[inside].mean() > 2 * images[~inside].mean()
    # At most 0.5 of 255 where no ink is; the rim of a stroke is below the label's level.
    assert images[~inside].max() < 0.65 * 255


def test_training_and_test_scenes_differ():
    made = digit_scenes()
    train = made["train"].images.flatten(1).double()
    nearest = torch.cdist(made["test"].images.flatten(1).double(), train).amin(1)
    assert nearest.min() > 1000
