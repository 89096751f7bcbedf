"""Every recipe of data that lie in files is trained here, shrunk, on files of the authors' form.

Sizes alone are changed. `papers train` reads, takes two steps and evaluates, and leaves a record.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import pytest

from common.config.overrides import as_word
from common.config.recipe import load_recipe
from common.data.catalogue.root import data_state
from common.results.record import load_records
from tests.recipes import EVERY, load
from tests.repo.test_docs import ROOT
from tests.system import published_files as files

QUIET = ["tracking.mode=disabled", "tracking.plots=false"]


class Case(NamedTuple):
    """A recipe, what writes its files, and the words that shrink it."""

    reference: str
    write: Callable[[Path], list[str]]
    words: Sequence[str] = ()


# What makes a protocol small, by its settings.
SMALL = {
    "detection": [
        "iterations=2",
        "milestones=[1]",
        "batch_size=2",
        "short_sides=[32]",
        "regions=8",
    ],
    "few-label": ["labels=[1]", "draws=1"],
    "forecasting": ["horizons=[24]"],
    "knn": ["k=3"],
    "linear": ["epochs=1"],
    "linear-sgd": ["epochs=1", "batch_size=4", "milestones=[1]"],
}


def shrinking(reference: str) -> list[str]:
    """Returns the words that make a recipe's batches, images and protocols small."""
    recipe = load_recipe(reference)
    words = [*QUIET, "data.workers=0", "trainer.batches=2", "trainer.threads=1"]
    if getattr(recipe.data, "batch_size", None):
        words.append("data.batch_size=4")
    for name, size in (("hidden_dim", 32), ("output_dim", 16)):
        if isinstance(getattr(recipe.method, name, None), int):
            words.append(f"method.{name}={size}")
    # Its 16-mixed needs a GPU.
    if recipe.trainer.precision == "16-mixed":
        words.append("trainer.precision=bf16-mixed")
    given = {entry.name for entry in fields(recipe.data)}
    views = recipe.data.views if "views" in given else []
    if views and max(view.size for view in views) >= 64:
        small = [replace(view, size=view.size // 4) for view in views]
        words.append(as_word("data.views", small))
        for name in ("test_resize", "test_crop", "size"):
            if getattr(recipe.data, name, None):
                words.append(f"data.{name}={getattr(recipe.data, name) // 4}")
    for protocol in recipe.evaluation.protocols:
        section = protocol.replace("-", "_")
        words += [f"evaluation.{section}.{word}" for word in SMALL.get(protocol, [])]
    if recipe.evaluation.monitor and not recipe.evaluation.online:
        words.append("evaluation.every_batches=1")
    return words


SMALL_TEXT = ["checkpoint=null", "dim=8", "layers=1", "heads=2", "feed_forward=16", "positions=512"]
TEXTS = [*(f"method.encoder.{word}" for word in SMALL_TEXT), "data.tokenizer=null"]
PLAIN = [f"method.encoder.{word}" for word in SMALL_TEXT[1:5]]
IMAGES = ["data.tokenizer=words", "data.image_size=32"]
TOWERS = ["backbone=tiny_conv", "text.width=16", "text.layers=1", "text.heads=2"]
CLIP = [f"method.{word}" for word in ("open_clip=null", "initial_weights=null", *TOWERS)]
ROCKET = [*IMAGES, "method.projector_dim=16", *(f"method.{word}" for word in TOWERS[1:])]
WARM = "method.warmup_batches=1"
NARROW = ["depth=2", "augmenter_hidden_dim=8"]
SERIES = [*(f"method.{word}" for word in NARROW), "evaluation.references=[]"]
SECTIONS = [*SERIES, "data.length=32"]
QUEUE = ["method.queue_length=16"]
PROTOTYPES = ["method.num_prototypes=4"]
GROUPS = [*QUEUE, "method.batch_norm_groups=2"]
MIXTURES = ["num_hard=4", "num_key_mixtures=4", "num_query_mixtures=2", "warmup_epochs=0"]
MIXED = [f"method.{word}" for word in ("queue_length=4", "batch_norm_groups=2", *MIXTURES)]
NO_HEAD = "method.head_checkpoint=null"

CASES = [
    Case("amcl/cifar10", files.cifar10),
    Case("amcl/cifar100", files.cifar100),
    Case("amcl/imagenet", files.imagenet),
    Case("amcl/imagenet100", files.imagenet100),
    Case("amcl/stl10", files.stl10),
    Case("amcl/tiny-imagenet", files.tiny_imagenet),
    Case("autotcl/electricity", files.electricity, SECTIONS),
    Case("autotcl/electricity-multi", files.electricity, SECTIONS),
    Case("autotcl/ettm1", files.ettm1, SERIES),
    Case("autotcl/ettm1-multi", files.ettm1, SERIES),
    Case("autotcl/exchange-rate", files.exchange_rate, SECTIONS),
    Case("autotcl/lora", files.lora, SECTIONS),
    Case("autotcl/lora-multi", files.lora, SECTIONS),
    Case("clip_rocket/29m", files.shards, ROCKET),
    Case("clip_rocket/cc12m", files.shards, ROCKET),
    Case("clip_rocket/cc3m", files.shards, ROCKET),
    Case("clip_rocket/yfcc15m", files.shards, ROCKET),
    Case("cmim/fashion-mnist-full", files.fashion_mnist_full),
    Case(
        "contrastive_gap/coco", files.coco_captions, [*IMAGES, *CLIP, "method.new_projectors=false"]
    ),
    Case("defsent_plus/dictionary", files.entries, [*TEXTS, NO_HEAD]),
    Case("defsent_plus/dictionary:large", files.entries, [*TEXTS, NO_HEAD]),
    Case("defsent_plus/dictionary:defsent-max", files.entries, TEXTS),
    Case("defsent_plus/wordnet", files.wordnet, PLAIN),
    Case("dse/glue", files.two_classes, [*TEXTS, "method.num_top=1"]),
    Case("dse/glue:qnli", files.two_classes, [*TEXTS, "method.num_top=1"]),
    Case("dse/glue:mnli", files.three_classes, [*TEXTS, "method.num_top=1"]),
    Case("dse/glue:stsb", files.two_classes, [*TEXTS, "method.num_top=1"]),
    Case("dse/stsb-open", files.open_pairs, [*TEXTS, "method.num_top=1"]),
    Case("feature_transformation/imagenet", files.imagenet, GROUPS),
    Case("feature_transformation/imagenet100", files.imagenet100, GROUPS),
    Case("hard_contrastive/cifar10", files.cifar10, QUEUE),
    Case("hard_contrastive/cifar100", files.cifar100, QUEUE),
    Case("hard_contrastive/imagenet100", files.imagenet100, GROUPS),
    Case("hydra/cifar10", files.cifar10),
    Case("hydra/imagenet", files.imagenet),
    Case("hydra/imagenet-momentum", files.imagenet),
    Case("hydra/imagenet-momentum:vit-small", files.imagenet, ["method.stem=cifar"]),
    Case("mcl/cifar10", files.cifar10),
    Case("mclrec/sports", files.purchases),
    Case("mclrec/toys", files.purchases),
    Case("mclrec/yelp", files.purchases),
    Case("mochi/imagenet", files.imagenet, MIXED),
    Case("mochi/imagenet100", files.imagenet100, MIXED),
    Case("negclip/aro", files.relations, [*IMAGES, *CLIP, WARM]),
    Case("negclip/aro:attribution", files.relations, [*IMAGES, *CLIP, WARM]),
    Case("negclip/aro:clip", files.relations, [*IMAGES, *CLIP]),
    Case("negclip/coco", files.hard_captions, [*IMAGES, *CLIP, WARM]),
    Case("negclip/zero-shot", files.classes, [*IMAGES, *CLIP]),
    Case("owdfa_cpl/protocol-1", files.first_protocol, ["data.size=96"]),
    Case("owdfa_cpl/protocol-2", files.second_protocol, ["data.size=96"]),
    Case("pixpro/bccd", files.bccd),
    Case("pixpro/coco", files.coco),
    Case("pixpro/coco:c4", files.coco),
    Case("pixpro/imagenet", files.imagenet),
    Case("pixpro/voc", files.voc),
    Case("sepclr/overlay", files.overlay),
    Case("simcse/nli", files.triplets, TEXTS),
    Case("simcse/nli:no-hard-negatives", files.triplets, TEXTS),
    Case("simcse/wikipedia", files.texts, TEXTS),
    Case("simcse/wordnet", files.wordnet, PLAIN),
    Case("supremix/agedb", files.agedb),
    Case("supremix/imdb-wiki", files.imdb_wiki),
    Case("swav/cifar10", files.cifar10, PROTOTYPES),
    Case("swav/cifar100", files.cifar100, PROTOTYPES),
    Case("swav/fashion-mnist", files.fashion_mnist, PROTOTYPES),
    Case("swav/imagenet", files.imagenet, PROTOTYPES),
    Case("swav/imagenet100", files.imagenet100, PROTOTYPES),
    Case("swav/stl10", files.stl10, PROTOTYPES),
    Case("swav/tiny-imagenet", files.tiny_imagenet, PROTOTYPES),
    Case("whitenedcse/wikipedia", files.texts, [*TEXTS, "method.groups=4"]),
    Case(
        "whitenedcse/wikipedia:chunks",
        files.texts,
        [*TEXTS, "data.batch_size=8", "method.groups=8"],
    ),
    Case("whitenedcse/wordnet", files.wordnet, [*PLAIN, "method.groups=4"]),
]


# One of each modality, and those that once did not run as they stood; the others are for slow runs.
FAST = {
    *("autotcl/lora", "cmim/fashion-mnist-full", "dse/stsb-open", "mclrec/sports", "negclip/coco"),
    *("simcse/nli", "simcse/wikipedia", "whitenedcse/wikipedia"),
}
PARAMS = [
    pytest.param(one, id=one.reference, marks=() if one.reference in FAST else pytest.mark.slow)
    for one in CASES
]


@pytest.mark.parametrize("case", PARAMS)
def test_it_reads_trains_and_measures(case: Case, papers, tmp_path: Path) -> None:
    words = [*shrinking(case.reference), *case.write(tmp_path), *case.words]
    code, _, errors = papers("train", case.reference, *words)
    assert code == 0, errors
    (found,) = tmp_path.glob("runs/*/*/*/result.json")
    record = json.loads(found.read_text())
    assert record["status"] == "complete"
    assert record["batches"] == (2 if load_recipe(case.reference).trainer.epochs else 0)
    measured = {name: value for name, value in record["metrics"].items() if name[:5] == "test/"}
    assert measured and all(map(math.isfinite, measured.values()))


def test_every_recipe_of_files_is_here_or_has_been_trained_in_full() -> None:
    """Photographs of the user's own are the roads of test_own_data_roads.py."""
    plain = [name for name in EVERY if ":" not in name and not name.endswith("/photos")]
    of_files = {name for name in plain if data_state(load(name).data.name) != "built in"}
    records = load_records(ROOT / "results")
    in_full = {f"{record.paper}/{record.recipe}" for record in records if not record.pilot}
    assert not of_files - in_full - {case.reference for case in CASES}
