"""The generated set says what its images show, and its false captions are false."""

import numpy as np
import pytest

from common.data.image_text import grammar
from common.data.image_text.config import FALSE_KINDS, ImageTextConfig
from common.data.image_text.readers.relations import (
    COLOURS,
    GROUND,
    RADII,
    RELATION,
    draw_noise,
    draw_scenes,
    is_held_out,
    paint,
    relations,
    scene_of,
)

FULL = ImageTextConfig(preset="full", captions="rich", train_rows=1500)


@pytest.fixture(scope="module")
def table():
    return draw_scenes(FULL, "train", 1500)


def test_objects_differ_and_stand_as_the_relation_says(table):
    assert (table[:, 0] != table[:, 5]).all() and (table[:, 1] != table[:, 6]).all()
    dx, dy = table[:, 8] - table[:, 3], table[:, 9] - table[:, 4]
    signed = np.choose(table[:, RELATION], [dx, -dx, dy, -dy])
    across = np.where(table[:, RELATION] < 2, abs(dy), abs(dx))
    assert (signed - across >= 4).all()


def test_every_relation_context_shape_colour_and_size_occurs(table):
    for column, number in ((0, 8), (1, 8), (2, 2), (5, 8), (6, 8), (7, 2), (RELATION, 4)):
        assert len(np.unique(table[:, column])) == number
    assert len(np.unique(table[:, GROUND : GROUND + 2], axis=0)) == 64


def test_both_objects_are_seen_in_every_image(table):
    images = paint(table, np.zeros((len(table), 32, 32, 3), np.int8))
    for first in (0, 5):
        colour = COLOURS[table[:, first + 1]][:, :, None, None]
        assert (images == colour).all(1).any((1, 2)).all()


def test_objects_of_one_scene_do_not_touch(table):
    reach = RADII[table[:, 2]] + RADII[table[:, 7]]
    apart = np.maximum(abs(table[:, 8] - table[:, 3]), abs(table[:, 9] - table[:, 4]))
    assert (apart > reach).all()


@pytest.mark.parametrize("rich", [False, True])
def test_false_captions_differ_and_the_first_three_keep_the_words(table, rich):
    for row in table[:100].tolist():
        scene = scene_of(row)
        own = scene.caption(rich)
        others = {kind: each.caption(rich) for kind, each in scene.variants().items()}
        assert len({own, *others.values()}) == 6
        for kind in FALSE_KINDS[:3]:
            assert sorted(others[kind].split()) == sorted(own.split())
        assert set(own.split()) <= set(grammar.words())


def test_a_scene_is_the_same_however_many_there_are():
    few, many = (draw_scenes(FULL, "val", rows) for rows in (20, 700))
    assert (few == many[:20]).all()
    assert (draw_noise(3, 1, 20) == draw_noise(3, 1, 700)[:20]).all()
    assert not (draw_scenes(FULL, "test", 20) == few).all()
    assert abs(draw_noise(3, 1, 20)).max() == 12


def test_compositions_can_be_held_out_of_training():
    config = ImageTextConfig(hold_out_compositions=True)
    for stream, held in (("train", False), ("val", False), ("test", True)):
        assert (is_held_out(draw_scenes(config, stream, 100)) == held).all()


def test_without_context_all_scenes_have_one_ground_and_frame():
    plain = draw_scenes(ImageTextConfig(scene_context=False), "train", 50)
    assert not plain[:, GROUND : GROUND + 2].any()
    # Nothing else moves.
    rest = np.delete(draw_scenes(ImageTextConfig(), "train", 50), [GROUND, GROUND + 1], 1)
    assert (np.delete(plain, [GROUND, GROUND + 1], 1) == rest).all()


def test_what_a_caption_says_is_true_of_its_image_and_of_no_other_scene_by_chance():
    found = relations(ImageTextConfig(train_rows=300)).train
    so, said = found.truths["true"]
    true = (so[:, None] == said[None]).all(-1)
    same = np.array(found.captions)[:, None] == np.array(found.captions)
    para = np.array(found.captions)[:, None] == np.array(found.kinds["para"].texts)
    assert (true == (same | para)).all()


def test_zero_shot_images_show_one_object_of_their_class():
    classes = relations(ImageTextConfig(train_rows=10)).classes
    assert len(classes.names) == 24 and classes.prompts == grammar.PROMPTS[:1]
    assert set(classes.labels.tolist()) == set(range(24))
    image, label = classes.images.images[0].numpy().astype(int), int(classes.labels[0])
    colour = COLOURS[grammar.COLOURS.index(classes.names[label].split()[0])]
    assert (abs(image - colour[:, None, None]) <= 12).all(0).any()
