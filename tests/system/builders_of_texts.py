"""Small trainings of the methods on texts, alone and with images: see builders.py."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from common.backbones.text_config import EncoderConfig, TextTowerConfig
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextFacts
from common.data.text.batch import TextBatch
from common.data.text.config import Special, TextFacts
from common.methods.clip import CLIP
from common.methods.config import CLIPConfig
from papers.clip_rocket.config import (
    ADDITIONS,
    AgreementConfig,
    BarLIPConfig,
    ClipRocketConfig,
    SwALIPConfig,
)
from papers.clip_rocket.module import ClipRocket
from papers.contrastive_gap.config import ContrastiveGapConfig
from papers.contrastive_gap.module import ContrastiveGap
from papers.defsent_plus.config import DefSentConfig, DefSentPlusConfig
from papers.defsent_plus.defsent import DefSent
from papers.defsent_plus.module import DefSentPlus
from papers.dse.config import DSEConfig
from papers.dse.module import DSE
from papers.negclip.config import NegCLIPConfig
from papers.negclip.module import NegCLIP
from papers.simcse.config import SimCSEConfig
from papers.simcse.module import SimCSE
from papers.whitenedcse.config import WhitenedCSEConfig
from papers.whitenedcse.module import WhitenedCSE
from tests.system.builders import Found, build, on_device, rates, seeded, shares
from tests.training import train_as_ddp

ROWS, BATCH, LONGEST, WORDS = 32, 8, 10, 30
# Masks of dropout differ with the number of processes: without them the texts are the views.
SMALL: dict[str, Any] = {"dim": 8, "layers": 2, "heads": 2, "feed_forward": 16, "dropout": 0.0}
ENCODER = EncoderConfig(**SMALL, positions=LONGEST, token_types=0)
TOWER = TextTowerConfig(width=16, layers=1, heads=2)


def facts_of(texts: int, entries: int = 0) -> TextFacts:
    return TextFacts(WORDS, Special(0, 3, 1, 2, 3), LONGEST, texts, entries)


def text_batches(texts: int, labels: Tensor | None = None) -> list[TextBatch]:
    """Returns this process's share; it pads to the longest of its own."""
    generator = seeded()
    ids = torch.randint(4, WORDS, (ROWS, texts, LONGEST), generator=generator)
    lengths = torch.randint(4, LONGEST + 1, (ROWS, texts, 1), generator=generator)
    mask = torch.arange(LONGEST) < lengths
    labels = torch.full((ROWS,), -1) if labels is None else labels
    batches = []
    for key in shares(ROWS, BATCH):
        width = int(mask[key.rows].sum(2).max())
        own = mask[key.rows][..., :width]
        batches.append(TextBatch(ids[key.rows][..., :width] * own, own, labels[key.rows], key))
    return batches


def train(kind: Any, method: Any, facts: Any, batches: list[Any], **trainer: Any) -> Found:
    """Trains with as many batches an epoch as ``trainer`` says, one where it says nothing."""
    optimizer = trainer.pop("optimizer", rates(1e-3, "adam"))
    module = build(kind, method, optimizer, facts)
    known = {"num_training_batches": 1, "optimizers": [], "callback_metrics": {}}
    read = {
        "train_dataloader": batches,
        "strategy": SimpleNamespace(batch_to_device=on_device),
    }
    module._trainer = SimpleNamespace(**(known | read | trainer))
    return train_as_ddp(module, batches)


def moves_its_own_part(found: Found, first: str, then: str) -> None:
    """Asserts that a stage ends after the second batch, and that each moves its own part."""
    assert {f"1.grad.{first}", f"2.grad.{then}"} <= set(found)
    assert f"2.grad.{first}" not in found


def dse() -> list[Found]:
    encoder = EncoderConfig(**SMALL, positions=24)
    scores = torch.rand(ROWS, generator=seeded(), dtype=torch.float64)
    small = {"encoder": encoder, "num_top": 2, "fc_dims": [6, 1]}
    return [
        train(DSE, DSEConfig(**small, **options), facts_of(2), text_batches(2, scores))
        for options in (
            {"teacher": "trained", "teacher_epochs": 2},
            {"teacher": "ideal", "pooler": "mean_top_max_with_cls", "features": "dot"},
            {"teacher": "trained", "teacher_epochs": 1, "task": "regression"},
        )
    ]


def dse_took_part(found: list[Found]) -> None:
    moves_its_own_part(found[0], "teacher.classifier.weight", "head.layers.0.weight")


def simcse() -> list[Found]:
    return [
        train(
            SimCSE,
            SimCSEConfig(encoder=ENCODER, gradient="exact", **options),
            facts_of(texts),
            text_batches(texts),
        )
        for texts, options in (
            (3, {"hard_weight": 0.5, "masked_weight": 0.5}),
            (2, {"pretrain_epochs": 2, "pooler": "avg"}),
            (1, {"objective": "alignment", "masked_weight": 0.1}),
        )
    ]


def whitenedcse() -> list[Found]:
    """The permutations alone set the views of a text apart."""
    return [
        train(
            WhitenedCSE,
            WhitenedCSEConfig(encoder=ENCODER, groups=4, **options),
            facts_of(1),
            text_batches(1),
        )
        for options in (
            {},
            {"pretrain_epochs": 2, "pooler": "avg"},
            {"whitening": "zca-through", "num_views": 2},
            {"whitening": "cholesky", "objective": "alignment"},
        )
    ]


def words_took_part(found: list[Found]) -> None:
    moves_its_own_part(found[1], "words.head.weight", "backbone.embeddings.LayerNorm.weight")


def defsent_plus() -> list[Found]:
    """An epoch has two batches: the second round begins with the third."""
    owners = torch.arange(ROWS) % 12
    found = [
        train(
            DefSentPlus,
            DefSentPlusConfig(encoder=ENCODER, **options),
            facts_of(1, 12),
            text_batches(1, owners),
            num_training_batches=2,
        )
        for options in (
            {"rounds": 2},
            {"rounds": 1},
            {"rounds": 2, "restart": False, "pooler": "avg", "space": "zca"},
            {"targets": "random", "activation": "gelu"},
        )
    ]
    module = build(
        DefSent, DefSentConfig(encoder=ENCODER, pooler="max"), rates(1e-3, "adam"), facts_of(1, 12)
    )
    # Entries of several words: how many there are differs between the shares of a batch.
    module.words.copy_(torch.tensor([5, -100, 7, -100, -100, 9] * 2))
    return [*found, train_as_ddp(module, text_batches(1, owners))]


def defsent_plus_took_part(found: list[Found]) -> None:
    assert not torch.equal(found[0]["state.entries"], found[1]["state.entries"])


def negclip() -> list[Found]:
    """NegCLIP with hard captions, and plain CLIP without."""
    generator = seeded()
    images = torch.rand(ROWS, 1, 3, 32, 32, generator=generator, dtype=torch.float64)
    small = {"backbone": "tiny_conv", "stem": "cifar", "text": TOWER, "dim": 8}
    facts = ImageTextFacts(num_words=WORDS, eot=1, context=LONGEST)
    found = []
    for kind, method in (
        (NegCLIP, NegCLIPConfig(**small)),
        (CLIP, CLIPConfig(**small, label_smoothing=0.1, image_weight=0.3)),
    ):
        batches = []
        for batch in text_batches(2):
            ids, mask = batch.ids, batch.mask
            hard = (ids[:, 1], mask[:, 1]) if kind is NegCLIP else (None, None)
            own = (images[batch.key.rows], ids[:, :1], mask[:, :1])
            batches.append(PairBatch(*own, *hard, batch.key))
        found.append(train(kind, method, facts, batches))
    return found


def clip_rocket() -> list[Found]:
    """Each addition; SwALIP's first version has one view and its own codes."""
    facts = ImageTextFacts(num_words=WORDS, pad=0, eot=1, unknown=2, context=7)
    generator = seeded()
    images = torch.randn(24, 3, 3, 32, 32, generator=generator, dtype=torch.float64)
    all_ids = torch.randint(3, WORDS, (24, 3, 7), generator=generator)
    all_lengths = torch.randint(3, 8, (24, 3, 1), generator=generator)
    found = []
    for addition in ADDITIONS:
        alone = addition == "swalip-v1"
        views, batches = 1 if alone else 3, []
        for key in shares(24, BATCH):
            lengths = all_lengths[key.rows, :views]
            places = torch.arange(int(lengths.max()))  # a process pads to the longest of its own
            ids = all_ids[key.rows, :views, : len(places)].where(places != lengths - 1, facts.eot)
            mask = places < lengths
            batches.append(PairBatch(images[key.rows, :views], ids * mask, mask, None, None, key))
        method = ClipRocketConfig(
            backbone="tiny_conv",
            text=TextTowerConfig(width=8, layers=1, heads=2),
            dim=6,
            separate_projectors=not alone,
            separate_heads=addition == "siamlip",
            projector_dim=8,
            text_dropout=0.0,
            label_smoothing=0.0 if addition == "swalip" else 0.1,
            addition=addition,
            barlip=BarLIPConfig(hidden_dim=8, output_dim=10),
            agreement=AgreementConfig(hidden_dim=8, output_dim=6, momentum=0.9),
            swalip=SwALIPConfig(num_prototypes=5, freeze_batches=1, momentum_codes=alone),
        )
        # Adam would divide the shift of BarLIP's last batch norm, whose gradient starts as
        # rounding.
        optimizer, per_epoch = rates(0.02), len(batches)
        one = train(
            ClipRocket,
            method,
            facts,
            batches,
            optimizer=optimizer,
            num_training_batches=per_epoch,
        )
        found.append(one)
    return found


def clip_rocket_took_part(found: list[Found]) -> None:
    by_name = dict(zip(ADDITIONS, found, strict=True))
    assert "2.grad.strong_log_scale" in by_name["none"]
    assert "2.grad.predictors.strong.image.0.weight" in by_name["siamlip"]
    assert "0.grad.prototypes.weight" not in by_name["swalip-v1"]
    assert "2.grad.prototypes.weight" in by_name["swalip-v1"]
    losses = [float(each["loss2"]) for name, each in by_name.items() if name != "swalip-v1"]
    assert len(set(losses)) == len(losses), "each addition takes part in what is compared"


def contrastive_gap() -> list[Found]:
    generator = seeded()
    images = torch.randn(24, 1, 3, 32, 32, generator=generator, dtype=torch.float64)
    ids = torch.randint(2, 20, (24, 1, 6), generator=generator)
    mask = torch.ones_like(ids).bool()
    batches = [
        PairBatch(images[key.rows], ids[key.rows], mask[key.rows], None, None, key)
        for key in shares(24, BATCH)
    ]
    small = {"backbone": "tiny_conv", "text": TOWER, "dim": 8}
    neither = {"uniformity_weight": 0.0, "alignment_weight": 0.0}
    return [
        train(
            ContrastiveGap,
            ContrastiveGapConfig(**small, **options),
            ImageTextFacts(num_words=20, context=6),
            batches,
            num_training_batches=3,
        )
        for options in (
            {"cross_uniformity_weight": 0.5},
            {**neither, "fixed_scale": False, "scale": 10.0},
            # The control: the same texts are turned, whatever the number of processes.
            {**neither, "start_gap": 0.5, "turning_pairs": 20},
        )
    ]


def contrastive_gap_took_part(found: list[Found]) -> None:
    turned = [value for name, value in found[2].items() if name.endswith("rotation")]
    assert turned and not torch.equal(turned[0], torch.eye(8, dtype=torch.float64))


BUILDERS = {
    "clip_rocket": clip_rocket,
    "contrastive_gap": contrastive_gap,
    "defsent_plus": defsent_plus,
    "dse": dse,
    "negclip": negclip,
    "simcse": simcse,
    "whitenedcse": whitenedcse,
}
CHECKS = {
    "clip_rocket": clip_rocket_took_part,
    "contrastive_gap": contrastive_gap_took_part,
    "defsent_plus": defsent_plus_took_part,
    "dse": dse_took_part,
    "simcse": words_took_part,
    "whitenedcse": words_took_part,
}
