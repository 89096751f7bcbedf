"""DSE's recipes: what does not go together is refused, generated pairs, stored steps."""

import numpy as np
import pytest

from common.config.recipe import load_recipe
from common.data.text import synthetic
from common.data.text.config import TextConfig
from common.errors import ConfigError
from common.steps.points import Length
from common.steps.take import as_taken, take_steps
from common.training.fit import load_data
from papers.dse.readers.glossary_pairs import glossary_pairs


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["method.teacher=logits"], r"method\.logits"),
        (["method.logits=a.npy"], r"method\.logits"),
        (["method.task=regression"], r"method\.teacher"),
        (["method.misaligned=true", "method.distillation_weight=0"], r"method\.misaligned"),
        (["method.teacher=trained", "trainer.epochs=3"], r"trainer\.epochs"),
        (["optimizer.name=sgd"], r"optimizer\.name"),
        (["optimizer.schedule=linear"], r"optimizer\.schedule"),
        (["optimizer.clip_norm=1"], r"optimizer\.clip_norm"),
    ],
)
def test_what_does_not_go_together_is_refused(words, key):
    with pytest.raises(ConfigError, match=key):
        load_recipe("dse", words)
    if key.startswith("optimizer"):
        load_recipe("dse", [*words, "method.bert_adam=false"])


def test_training_pairs_are_drawn_as_tested_ones_and_are_others():
    config = TextConfig(name="glossary-pairs", glossary_entries=20, definitions=3, num_pairs=40)
    found = glossary_pairs(config)
    assert len(found.train) == 60 and len(found.graded["test"]) == 40
    tested = {*zip(*found.graded["test"].columns, strict=True)}
    assert not tested & {*zip(*found.train.columns, strict=True)}
    assert {*np.unique(found.train.targets)} <= {0, 0.2, 0.4, 0.6, 0.8, 1}


@pytest.fixture(scope="module")
def taken():
    words = ["data.glossary_entries=10", "data.definitions=16", "data.batch_size=16"]
    words += ["method.teacher=trained", "method.teacher_epochs=2", "trainer.epochs=4"]
    recipe = as_taken(load_recipe("dse", words))
    made = synthetic.make(synthetic.shape_of(load_data(recipe)))
    length = Length(batches=40, epochs=4, samples=160)
    return take_steps(recipe, made, length)


def test_a_point_spans_the_end_of_a_stage_and_the_start_of_the_next(taken):
    names = taken.names["optimizer 0"]
    before, after = (taken.values[f"distillation begins/update {n}/optimizer 0"] for n in (0, 2))
    learnt = [dict(zip(names, each, strict=True)) for each in (before, after)]
    teachers, heads = "teacher.classifier.weight", "head.layers.0.weight"
    assert learnt[0][teachers] and learnt[0][heads] is None
    assert learnt[1][heads] and learnt[1][teachers] is None


def test_the_stage_is_a_quantity_that_follows_the_position(taken):
    found = taken.values["scheduled/stage"]
    assert found == sorted(found) and set(found) == {0.0, 1.0}
    rates = taken.values["distillation begins/rates"]
    assert 0.0 in rates
