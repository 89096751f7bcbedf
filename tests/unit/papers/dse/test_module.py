"""DSE's module: student and teacher, stages, other teachers, and training by a stock Trainer."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from common.backbones.text_config import EncoderConfig
from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.text.batch import TextBatch
from common.data.text.config import Special, TextFacts
from common.data.text.module import TextBatches
from common.errors import ConfigError, DataError
from papers.dse.config import DSEConfig
from papers.dse.loss import dse_loss
from papers.dse.module import DSE
from tests import plain_bert
from tests.training import quiet_trainer

ENCODER = EncoderConfig(dim=8, layers=2, heads=2, feed_forward=16, positions=20)
FACTS = TextFacts(num_words=30, special=Special(0, 3, 1, 2, 3), max_length=8, num_texts=2)
OPTIMIZER = OptimizerConfig(name="adamw", lr=0.01, weight_decay=0.01)
SMALL = {"encoder": ENCODER, "num_top": 2, "fc_dims": [6, 1]}


def make(optimizer=OPTIMIZER, **method):
    torch.manual_seed(0)
    return DSE(DSEConfig(**{**SMALL, "teacher": "ideal", **method}), optimizer, FACTS)


def make_batch(size=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, 30, (size, 2, 8), generator=generator)
    ids[..., 0] = 1
    lengths = torch.randint(4, 9, (size, 2, 1), generator=generator)
    ids = ids.where(torch.arange(8) != lengths - 1, 2)
    mask = torch.arange(8) < lengths
    targets = torch.rand(size, generator=generator, dtype=torch.float64)
    return TextBatch(ids * mask, mask, targets, BatchKey(torch.arange(size), 0, 0, 0, size))


def test_a_step_is_the_loss_of_both_vectors_and_the_ideal_logits():
    module, batch = make().eval(), make_batch()
    u, v = (module.embed(batch.ids[:, side], batch.mask[:, side]) for side in (0, 1))
    ideal = 10 * (batch.targets.float() - 0.5)[:, None]
    wanted = dse_loss("binary", module.head(u, v), batch.targets > 0.5, ideal, 0.5)
    torch.testing.assert_close(module.training_step(batch, 0), wanted)
    assert u.shape == (6, 16)


def inside(ids, mask):
    """Returns the tokens of each text of each pair, without the first and the last."""
    return [
        [text[seen][1:-1].tolist() for text, seen in zip(*pair, strict=True)]
        for pair in zip(ids, mask, strict=True)
    ]


def plain_teacher(weights, a, b, longest):
    """Returns two logits of a pair, of which the longer text is cut, or the second one."""
    a, b = list(a), list(b)
    while len(a) + len(b) > longest - 3:
        (a if len(a) > len(b) else b).pop()
    types = [0] * (len(a) + 2) + [1] * (len(b) + 1)
    encoder = plain_bert.under(weights, "teacher.encoder")
    state = plain_bert.encode(encoder, [1, *a, 2, *b, 2], types, 2, 1e-12)[-1][0]
    pooled = plain_bert.linear(weights, "teacher.encoder.pooler.dense", state).tanh()
    return plain_bert.linear(weights, "teacher.classifier", pooled)


def plain_student(weights, a, b):
    """Returns the logit of a pair whose texts are embedded one by one."""
    own, vectors = plain_bert.under(weights, "backbone"), []
    for text in (a, b):
        states = plain_bert.encode(own, [1, *text, 2], [0] * (len(text) + 2), 2, 1e-12)
        vectors.append(torch.cat(states[-2:], 1)[1:].mean(0))
    u, v = vectors
    x = plain_bert.linear(weights, "head.layers.0", torch.cat([u, v, u * v, (u - v).abs()]))
    return plain_bert.linear(weights, "head.layers.1", x.relu())[0]


def plain_loss(weights, batch, stage, longest):
    """Returns the loss of either stage, as the paper's equations have it."""
    losses = []
    for (a, b), score in zip(inside(batch.ids, batch.mask), batch.targets, strict=True):
        label, told = int(score > 0.5), plain_teacher(weights, a, b, longest)
        if stage == "teacher":
            losses.append(told.logsumexp(0) - told[label])
            continue
        logit, told = plain_student(weights, a, b), (told[1] - told[0]).detach()
        task = torch.nn.functional.softplus(logit) - label * logit
        losses.append(0.5 * task + 0.5 * (logit - told) ** 2)
    return torch.stack(losses).mean()


STAGES = {"teacher": ("teacher",), "student": ("backbone", "head")}
TAUGHT = {"teacher": "trained", "teacher_length": 8, "encoder": replace(ENCODER, dropout=0.0)}


def test_a_training_is_that_of_the_equations():
    """The teacher's rate falls over updates, the student's over batches, two to an update."""
    module = make(**TAUGHT, teacher_epochs=2, teacher_lr=0.02).double()
    weights = {name: p.detach().clone() for name, p in module.named_parameters()}
    batches = [make_batch(seed=seed, size=3) for seed in range(4)]
    loader = DataLoader(batches, batch_size=None)
    quiet_trainer(max_epochs=4, accumulate_grad_batches=2).fit(module, loader)

    for stage, highest, total in (("teacher", 0.02, 4), ("student", 0.01, 8)):
        names = [name for name in weights if name.startswith(STAGES[stage])]
        mean, square = ({name: 0.0 for name in names} for _ in range(2))
        for update in range(4):
            leaves = {name: weights[name].requires_grad_() for name in names}
            two = batches[:2] if update % 2 == 0 else batches[2:]
            loss = sum(plain_loss(weights, batch, stage, 8) for batch in two) / 2
            done = update / total
            rate = highest * (done / 0.1 if done < 0.1 else (1 - done) / 0.9)
            gradients = torch.autograd.grad(loss, [*leaves.values()])
            for (name, weight), gradient in zip(leaves.items(), gradients, strict=True):
                gradient = gradient / max(1, float(gradient.norm()) + 1e-6)
                mean[name] = 0.9 * mean[name] + 0.1 * gradient
                square[name] = 0.999 * square[name] + 0.001 * gradient**2
                step = mean[name] / (square[name].sqrt() + 1e-6)
                step = step + (0.01 * weight if weight.ndim > 1 else 0.0)
                weights[name] = (weight - rate * step).detach()
    found = dict(module.named_parameters())
    torch.testing.assert_close(found, weights, rtol=1e-7, atol=1e-9)


def test_the_pooled_vector_has_dropout_in_training_alone():
    encoder = replace(ENCODER, dropout=0.5)
    module, batch = make(encoder=encoder, pooler="mean_top_max"), make_batch()
    ids, mask = batch.ids[:, 0], batch.mask[:, 0]
    assert (module.embed(ids, mask) == 0).any()
    assert (module.eval().embed(ids, mask) != 0).all()


def test_a_trained_teacher_learns_first_and_then_stays_as_it_is():
    module = make(teacher="trained", teacher_epochs=2, teacher_lr=0.02)
    seen, rates, step = [], [], module.training_step

    def noted(batch, batch_idx):
        loss = step(batch, batch_idx)
        parts = {name: getattr(module, name).state_dict() for name in ("teacher", "backbone")}
        seen.append({n: torch.cat([v.flatten() for v in p.values()]) for n, p in parts.items()})
        rates.append(module.trainer.optimizers[0].param_groups[0]["lr"])
        return loss

    module.training_step = noted
    loader = DataLoader([make_batch(seed=seed) for seed in range(4)], batch_size=None)
    quiet_trainer(max_epochs=4, log_every_n_steps=1).fit(module, loader)
    moved = [{n: not torch.equal(a[n], b[n]) for n in a} for a, b in pairwise(seen)]
    # The first update of each stage has the rate 0.
    assert all(each == {"teacher": True, "backbone": False} for each in moved[1:7])
    assert all(each == {"teacher": False, "backbone": True} for each in moved[9:])
    assert rates[0] == rates[8] == 0
    assert max(rates[:8]) <= 0.02 and max(rates[8:]) <= 0.01 and rates[1] > 2 * rates[9] * 0.99


def test_the_teacher_starts_from_the_students_weights_and_tells_without_dropout():
    module, batch = make(teacher="trained"), make_batch()
    own, teachers = module.backbone.state_dict(), module.teacher.encoder.state_dict()
    assert all(torch.equal(own[name], teachers[name]) for name in own)
    module.train()
    first, second = (module.ask_teacher(batch.ids, batch.mask) for _ in range(2))
    assert torch.equal(first, second) and first.shape == (6, 1)
    assert module.teacher.training and not first.requires_grad


@pytest.mark.parametrize(("total", "last"), [("batches", 0.556), ("updates", 0.0)])
def test_the_schedule_counts_batches_or_updates(total, last):
    module = make(schedule_total=total)
    loader = DataLoader([make_batch(seed=seed) for seed in range(40)], batch_size=None)
    trainer = quiet_trainer(max_epochs=2, accumulate_grad_batches=2)
    trainer.fit(module, loader)
    assert trainer.global_step == 40
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01 * last, abs=1e-5)


def test_an_optimizer_of_ones_own_has_its_own_schedule():
    optimizer = OptimizerConfig(name="sgd", lr=0.01, schedule="linear")
    module = make(optimizer, bert_adam=False)
    loader = DataLoader([make_batch(seed=seed) for seed in range(2)], batch_size=None)
    trainer = quiet_trainer(max_epochs=2)
    trainer.fit(module, loader)
    assert isinstance(trainer.optimizers[0], torch.optim.SGD)


@pytest.mark.parametrize(
    ("method", "classes"),
    [
        ({"task": "regression", "teacher": "trained"}, 1),
        ({"task": "multi-class", "fc_dims": [3], "teacher": "trained"}, 3),
        ({"distillation_weight": 0.0}, 1),
        ({"features": "dot", "fc_dims": []}, 1),
    ],
)
def test_every_task_and_head_learns(method, classes):
    module, batch = make(**{"teacher_epochs": 1, **method}), make_batch()
    batch = batch._replace(targets=(batch.targets * classes).floor()) if classes > 1 else batch
    loader = DataLoader([batch] * 2, batch_size=None)
    quiet_trainer(max_epochs=2).fit(module, loader)
    assert int(module.batches_seen) == 4


def attach(module, count):
    """Gives the module ``count`` training pairs with scores from 0 up, as a Trainer would."""
    samples = TextBatches([], torch.arange(count) / count, 8)
    module._trainer = SimpleNamespace(train_dataloader=SimpleNamespace(dataset=samples))
    return module


def test_logits_of_a_file_belong_to_rows(tmp_path):
    batch, path = make_batch(), tmp_path / "logits.npy"
    np.save(path, np.arange(16.0).reshape(8, 2))
    module = attach(make(teacher="logits", logits=str(path)), 8)
    assert module.teacher_logits(batch)[:2].tolist() == [[0, 1], [2, 3]]
    wrong = attach(make(teacher="logits", logits=str(path), misaligned=True), 8)
    assert wrong.teacher_logits(batch)[:2].tolist() == [[14, 15], [12, 13]]


@pytest.mark.parametrize("shape", [(7, 2), (8, 3), (8,)])
def test_a_file_of_another_form_is_refused(shape, tmp_path):
    path = tmp_path / "logits.npy"
    np.save(path, np.zeros(shape))
    with pytest.raises(DataError, match=r"logits\.npy"):
        attach(make(teacher="logits", logits=str(path)), 8).teacher_logits(make_batch())


def test_logits_need_pairs_with_numbers(tmp_path):
    path = tmp_path / "logits.npy"
    np.save(path, np.zeros((6, 1)))
    with pytest.raises(DataError, match=r"method\.teacher"):
        make(teacher="logits", logits=str(path)).teacher_logits(make_batch())


def test_misaligned_logits_are_those_of_other_pairs():
    found = attach(make(misaligned=True), 8).teacher_logits(make_batch())
    torch.testing.assert_close(found[:, 0], 10 * (torch.arange(7, 1, -1) / 8 - 0.5))


def test_a_training_that_leaves_the_student_nothing_is_refused():
    loader = DataLoader([make_batch()], batch_size=None)
    with pytest.raises(ConfigError, match=r"trainer\.epochs"):
        quiet_trainer(max_epochs=3).fit(make(teacher="trained"), loader)


def test_plain_batches_are_taken_and_others_are_refused():
    module, batch = make().eval(), make_batch()
    whole = module.training_step(batch, 0)
    plain = {"input_ids": batch.ids, "attention_mask": batch.mask.long(), "labels": batch.targets}
    assert module.training_step(plain, 0) == whole
    assert module.training_step((batch.ids, batch.mask, batch.targets), 0) == whole
    with pytest.raises(DataError, match="training_step"):
        module.training_step((batch.ids, batch.mask), 0)


@pytest.mark.parametrize(
    ("method", "facts", "key"),
    [
        ({}, {"num_texts": 1}, r"data\.columns"),
        ({}, {"num_targets": 3}, r"data\.classes"),
        ({"num_top": 3}, {}, r"method\.num_top"),
        ({"fc_dims": [6, 3]}, {}, r"method\.fc_dims"),
        ({"fc_dims": []}, {}, r"method\.fc_dims"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(method, facts, key):
    with pytest.raises(ConfigError, match=key):
        DSE(DSEConfig(**{**SMALL, **method}), OPTIMIZER, replace(FACTS, **facts))
