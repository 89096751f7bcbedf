"""Synthetic images with texts have the form of the real set and go through the same pipeline."""

import json

import numpy as np

from common.data.image_text.config import ImageTextConfig, TextViewConfig
from common.data.image_text.module import ImageTextData
from common.data.image_text.synthetic import make, shape_of


def test_a_synthetic_set_serves_what_the_real_one_serves():
    config = ImageTextConfig(
        train_rows=80,
        hard_captions=["invert"],
        hard_images=1,
        num_strong=1,
        strong_text=TextViewConfig(paraphrase=0.5, synonym=0.5),
    )
    real = ImageTextData(config, 0)
    real.load()
    shape = json.loads(json.dumps(shape_of(real)))
    data = ImageTextData(config, 0, read=lambda _: make(shape, rows=64))
    data.load()
    assert data.facts == real.facts
    assert set(data.set.train.kinds) == set(real.set.train.kinds)
    made = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert made.images.shape == (128, 2, 3, 32, 32) and len(made.extra_ids) == 128
    inputs, truly = (each.evaluation_inputs(None, "test") for each in (data, real))
    assert inputs.choices.keys() == truly.choices.keys()
    assert inputs.truths.keys() == truly.truths.keys()
    assert inputs.classes.names != truly.classes.names
    assert len(inputs.classes.names) == len(truly.classes.names)
    assert set(np.unique(inputs.labels)) <= set(range(8))


def test_it_depends_on_the_seed_alone():
    real = ImageTextData(ImageTextConfig(train_rows=80), 0)
    real.load()
    first, again, other = (make(shape_of(real), 64, seed) for seed in (0, 0, 1))
    assert first.train.captions == again.train.captions != other.train.captions
    assert first.train.images.images.equal(again.train.images.images)
