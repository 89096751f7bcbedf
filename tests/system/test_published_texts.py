"""The published recipes of texts read files of the authors' form, train, and select as they say."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from common.config.recipe import load_recipe
from common.runs.folder import new_run
from common.runs.run import prepare_run, train

QUIET = ["tracking.mode=disabled", "tracking.plots=false", "trainer.precision=32-true"]
SMALL = ["checkpoint=null", "dim=8", "layers=1", "heads=2", "feed_forward=16", "positions=512"]
TEXTS = [*(f"method.encoder.{word}" for word in SMALL), "data.tokenizer=null", "data.batch_size=4"]
IMAGES = ["data.tokenizer=words", "data.image_size=32", "data.batch_size=4", "data.workers=0"]
TOWERS = ["backbone=tiny_conv", "text.width=16", "text.layers=1", "text.heads=2"]
CLIP = [f"method.{word}" for word in ("open_clip=null", "initial_weights=null", *TOWERS)]
WORDS = "a red small old dog cat horse house tree runs sits near under the".split()


def sentence(number: int) -> str:
    return " ".join(np.random.default_rng(number).choice(WORDS, 6))


def write_lines(folder: Path) -> list[str]:
    (folder / "texts.txt").write_text("\n".join(map(sentence, range(40))))
    return [f"data.path={folder / 'texts.txt'}", f"data.graded={write_sts(folder)}"]


def write_triplets(folder: Path) -> list[str]:
    rows = [",".join(sentence(3 * n + place) for place in range(3)) for n in range(40)]
    (folder / "nli.csv").write_text("\n".join(["sent0,sent1,hard_neg", *rows]))
    return [f"data.path={folder / 'nli.csv'}", f"data.graded={write_sts(folder)}"]


def write_entries(folder: Path) -> list[str]:
    rows = [f"{w}\t{sentence(n)}<|list_more_def|>{sentence(99 - n)}" for n, w in enumerate(WORDS)]
    (folder / "entries.txt").write_text("\n".join(rows))
    return [f"data.path={folder / 'entries.txt'}", f"data.graded={write_sts(folder)}"]


def write_sts(folder: Path) -> Path:
    """Writes STS-B for selection and seven tasks for the test, as the recipes name the columns."""
    parts = [("dev", "STSBenchmark"), *(("test", f"STS{year}") for year in range(12, 19))]
    rows = [
        f"{split},{genre},{sentence(n)},{sentence(n + 7)},{n % 5}"
        for split, genre in parts
        for n in range(8)
    ]
    (folder / "sts.csv").write_text("\n".join(["split,genre,sentence1,sentence2,score", *rows]))
    return folder / "sts.csv"


def write_pairs(folder: Path, classes: int = 2) -> list[str]:
    rows = [f"{sentence(n)},{sentence(n + 7)},{n % classes}" for n in range(40)]
    for name in ("train", "dev"):
        (folder / f"{name}.csv").write_text("\n".join(["sentence1,sentence2,score", *rows]))
    return [f"data.path={folder / 'train.csv'}", f"data.graded={folder / 'dev.csv'}"]


def write_three_classes(folder: Path) -> list[str]:
    return write_pairs(folder, 3)


def write_images(folder: Path) -> list[str]:
    names = [f"COCO_train2014_{number:012}.jpg" for number in range(20)]
    (folder / "train2014").mkdir()
    for number, name in enumerate(names):
        Image.new("RGB", (48, 40), (10 * number, 90, 30)).save(folder / "train2014" / name)
    return names


def write_hard_captions(folder: Path) -> list[str]:
    """Writes the authors' table; the one false caption of a row differs in capitals alone."""
    rows = [
        f"train2014/{name}\tA {sentence(n)}\t{[f'the {sentence(n)}']}\t{[n, (n + 1) % 20, 2]}"
        for n, name in enumerate(write_images(folder))
    ]
    rows[7] = rows[7].replace("['the ", "['a ")
    (folder / "train.tsv").write_text("\n".join(["filepath\ttitle\tneg_caption\tneg_image", *rows]))
    return [f"data.path={folder / 'train.tsv'}", "data.holdout=0.1"]


def write_coco(folder: Path) -> list[str]:
    images = [{"id": n, "file_name": name} for n, name in enumerate(write_images(folder))]
    captions = [{"image_id": n % 20, "caption": sentence(n)} for n in range(40)]
    path = folder / "captions_train2017.json"
    path.write_text(json.dumps({"images": images, "annotations": captions}))
    return [f"data.path={path}", f"data.images={folder / 'train2014'}", "data.holdout=0.15"]


def write_shards(folder: Path) -> list[str]:
    """Writes shards and a file of synonyms, and classes."""
    (folder / "shards").mkdir()
    with tarfile.open(folder / "shards" / "train-0000.tar", "w") as shard:
        for number, name in enumerate(write_images(folder)):
            caption = folder / "caption.txt"
            caption.write_text(sentence(number))
            shard.add(folder / "train2014" / name, f"{number:06}.jpg")
            shard.add(caption, f"{number:06}.txt")
    (folder / "synonyms.txt").write_text("small, tiny, old\nruns, sits\n")
    named = {"path": "shards", "synonyms": "synonyms.txt"}
    words = [f"data.{key}={folder / name}" for key, name in named.items()]
    return [*words, *write_classes(folder), "data.holdout=0.1"]


def write_classes(folder: Path) -> list[str]:
    for number, name in enumerate(("dog", "cat")):
        (folder / "classes" / name).mkdir(parents=True)
        for each in range(3):
            image = Image.new("RGB", (48, 40), (200 * number, 90, each))
            image.save(folder / "classes" / name / f"{each}.png")
    return [f"data.zero_shot={folder / 'classes'}"]


def write_relations(folder: Path) -> list[str]:
    rows = [
        f"train2014/{name}\tthe dog is on {n}\t['{n} is on the dog']\t{('on', 'under')[n % 2]}\t"
        f"{'train' if n < 12 else 'test'}"
        for n, name in enumerate(write_images(folder))
    ]
    header = "filepath\ttitle\tneg_caption\tgroup\tsplit"
    (folder / "vg_relation.tsv").write_text("\n".join([header, *rows]))
    return [f"data.path={folder / 'vg_relation.tsv'}"]


@pytest.mark.parametrize(
    ("reference", "write", "words"),
    [
        ("simcse/wikipedia", write_lines, TEXTS),
        ("simcse/nli", write_triplets, TEXTS),
        ("simcse/nli:no-hard-negatives", write_triplets, TEXTS),
        ("whitenedcse/wikipedia", write_lines, [*TEXTS, "method.groups=4"]),
        (
            "whitenedcse/wikipedia:chunks",
            write_lines,
            [*TEXTS, "data.batch_size=8", "method.groups=8"],
        ),
        ("defsent_plus/dictionary", write_entries, [*TEXTS, "method.head_checkpoint=null"]),
        ("defsent_plus/dictionary:large", write_entries, [*TEXTS, "method.head_checkpoint=null"]),
        ("defsent_plus/dictionary:defsent-max", write_entries, TEXTS),
        ("dse/glue", write_pairs, [*TEXTS, "method.num_top=1"]),
        ("dse/glue:qnli", write_pairs, [*TEXTS, "method.num_top=1"]),
        ("dse/glue:mnli", write_three_classes, [*TEXTS, "method.num_top=1"]),
        ("dse/glue:stsb", write_pairs, [*TEXTS, "method.num_top=1"]),
        ("negclip/coco", write_hard_captions, [*IMAGES, *CLIP, "method.warmup_batches=1"]),
        ("negclip/aro", write_relations, [*IMAGES, *CLIP, "method.warmup_batches=1"]),
        ("negclip/aro:attribution", write_relations, [*IMAGES, *CLIP, "method.warmup_batches=1"]),
        ("negclip/aro:clip", write_relations, [*IMAGES, *CLIP]),
        ("negclip/zero-shot", write_classes, [*IMAGES, *CLIP]),
        ("clip_rocket/cc3m", write_shards, [*IMAGES, "method.projector_dim=16"]),
        ("contrastive_gap/coco", write_coco, [*IMAGES, *CLIP, "method.new_projectors=false"]),
    ],
)
def test_it_reads_trains_and_selects(
    reference: str, write: Callable[[Path], list[str]], words: list[str], tmp_path: Path
) -> None:
    plain = load_recipe(reference)
    look = ["evaluation.every_batches=1"] if plain.evaluation.monitor else []
    given = [*write(tmp_path), *words, *look, "trainer.batches=2", *QUIET]
    recipe = load_recipe(reference, given)
    ready, folder = prepare_run(recipe), new_run(recipe, tmp_path / "runs")
    record = train(ready, folder, Console(file=io.StringIO()))
    assert record is not None and record.status == "complete"
    assert record.batches == (2 if plain.trainer.epochs else 0)
    assert any(name.startswith("test/") for name in record.metrics)
