"""Tiny data sets in the form in which their authors give them, for test_full_recipes.py.

A writer puts files into a folder and returns the words that lead a recipe there.
"""

import csv
import gzip
import json
import struct
import tarfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from common.data.catalogue.packers.dense import pack_bccd
from common.data.catalogue.packers.images import pack_fashion_mnist_full, pack_tiny_imagenet
from common.data.catalogue.packers.text import pack_stsb_open
from common.data.sequences.readers.sets import NUM_ITEMS
from common.data.series.readers.files import LORA
from common.data.text.readers.pairs import STSB_FILE

WORDS = "a red small old dog cat horse house tree runs sits near under the".split()
# What lies in the data root is found there.
IN_ROOT = ["data.root=."]


def sentence(number: int) -> str:
    return " ".join(np.random.default_rng(number).choice(WORDS, 6))


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_lines(path: Path, *lines: str) -> Path:
    return write(path, "\n".join([*lines, ""]))


def write_table(path: Path, header: str, rows: Iterable[Iterable[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def write_image(path: Path, number: int, height: int = 0) -> str:
    """Writes a photograph, of a height of its own or a square one; returns the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height or 40 + number % 5, height or 40, 3)
    pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path.name


def write_packed(folder: Path, packed: dict[str, bytes]) -> list[str]:
    for name, content in packed.items():
        write(folder / name, b"").write_bytes(content)
    return IN_ROOT


def write_records(path: Path, labels: list[int], label_bytes: int = 1) -> None:
    """Writes images of 32 pixels as CIFAR's binary archives have them, the label before each."""
    generator = np.random.default_rng(sum(path.name.encode()))
    records = generator.integers(0, 256, (len(labels), label_bytes + 3072), dtype=np.uint8)
    records[:, :label_bytes] = np.array(labels)[:, None]
    write(path, records.tobytes())


def cifar10(folder: Path) -> list[str]:
    tree = folder / "cifar-10-batches-bin"
    for number in range(1, 6):
        write_records(tree / f"data_batch_{number}.bin", [number % 2, number % 2, 2, 3])
    write_records(tree / "test_batch.bin", [0, 1, 2, 3])
    return IN_ROOT


def cifar100(folder: Path) -> list[str]:
    tree = folder / "cifar-100-binary"
    write_records(tree / "train.bin", [0, 1, 2, 3] * 5, 2)
    write_records(tree / "test.bin", [0, 1, 2, 3], 2)
    write_lines(tree / "fine_label_names.txt", *(f"class_{number}" for number in range(100)))
    return IN_ROOT


def stl10(folder: Path) -> list[str]:
    generator, tree = np.random.default_rng(0), folder / "stl10_binary"
    for name, count in (("train", 8), ("unlabeled", 12), ("test", 4)):
        pixels = generator.integers(0, 256, (count, 3 * 96 * 96), dtype=np.uint8)
        write(tree / f"{name}_X.bin", pixels.tobytes())
        if name != "unlabeled":
            write(tree / f"{name}_y.bin", bytes(1 + number % 2 for number in range(count)))
    return IN_ROOT


def tiny_imagenet(folder: Path) -> list[str]:
    tree, names = folder / "tiny-imagenet-200", ("n01443537", "n01629819")
    for number in range(8):
        name = names[number % 2]
        write_image(tree / f"train/{name}/images/{name}_{number // 2}.JPEG", number, 64)
    tested = [
        write_image(tree / f"val/images/val_{number}.JPEG", number, 64) for number in range(2)
    ]
    rows = [f"{name}\t{names[place % 2]}\t0\t0\t62\t62" for place, name in enumerate(tested)]
    write_lines(tree / "val/val_annotations.txt", *rows)
    write_lines(tree / "words.txt", f"{names[0]}\tgoldfish", f"{names[1]}\tsalamander")
    targets = [f"tiny_imagenet/{part}.npz" for part in ("train", "val")]
    return write_packed(folder, pack_tiny_imagenet(folder, targets))


def imagenet(folder: Path) -> list[str]:
    for split, count in (("train", 12), ("val", 6)):
        for number in range(count):
            name = f"n{number % 3:08d}"
            write_image(folder / f"imagenet/{split}/{name}/{name}_{number}.JPEG", number)
    return IN_ROOT


def imagenet100(folder: Path) -> list[str]:
    """Writes a list of classes beside the whole set, as CMC gives it."""
    imagenet(folder)
    write_image(folder / "imagenet/train/n00000009/other.JPEG", 9)
    write_lines(folder / "imagenet100/classes.txt", "n00000001", "n00000000")
    return IN_ROOT


def write_idx(folder: Path, ending: str = "") -> None:
    """Writes images of 28 pixels and labels as MNIST and Fashion-MNIST have them."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 20), ("t10k", 6)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        head = struct.pack(">4i", 0x803, count, 28, 28)
        write(folder / f"{part}-images-idx3-ubyte{ending}", head + pixels.tobytes())
        labels = bytes(number % 2 for number in range(count))
        head = struct.pack(">2i", 0x801, count)
        write(folder / f"{part}-labels-idx1-ubyte{ending}", head + labels)


def fashion_mnist_full(folder: Path) -> list[str]:
    write_idx(folder, ".gz")
    return write_packed(
        folder, pack_fashion_mnist_full(folder, ["fashion_mnist/fashion_mnist.npz"])
    )


def fashion_mnist(folder: Path) -> list[str]:
    write_idx(folder, ".gz")
    name = "fashion_mnist_subset/fashion_mnist_train10k_test5k.npz"
    return write_packed(folder, pack_fashion_mnist_full(folder, [name]))


def overlay(folder: Path) -> list[str]:
    write_idx(folder / "MNIST/raw")
    return cifar10(folder)


OBJECT = (
    "<object><name>{}</name><difficult>0</difficult><bndbox><xmin>8</xmin><ymin>8</ymin>"
    "<xmax>30</xmax><ymax>30</ymax></bndbox></object>"
)


def write_annotated(tree: Path, part: str, count: int, kind: str) -> None:
    """Writes images, their annotations and the list of them as Pascal VOC has them."""
    names = [f"{part}_{number:06}" for number in range(count)]
    for number, name in enumerate(names):
        write_image(tree / f"JPEGImages/{name}.jpg", number, 40)
        text = f"<annotation><size/>{OBJECT.format(kind)}</annotation>"
        write(tree / f"Annotations/{name}.xml", text)
    write_lines(tree / f"ImageSets/Main/{part}.txt", *names)


def voc(folder: Path) -> list[str]:
    for year, part, count in ((2007, "trainval", 2), (2012, "trainval", 3), (2007, "test", 2)):
        write_annotated(folder / f"VOCdevkit/VOC{year}", part, count, "dog")
    return IN_ROOT


def bccd(folder: Path) -> list[str]:
    for part, count in (("train", 6), ("val", 2), ("test", 2)):
        write_annotated(folder / "repository/BCCD", part, count, "RBC")
    return write_packed(folder, pack_bccd(folder, ["bccd_small/bccd.npz"]))


def coco(folder: Path) -> list[str]:
    """Writes objects with polygons, and a crowd whose mask is run lengths."""
    for part, count in (("train2017", 5), ("val2017", 2)):
        images, objects = [], []
        for number in range(1, count + 1):
            name, height = f"{number:012}.jpg", 40 + number % 5
            write_image(folder / f"coco/{part}/{name}", number)
            images.append({"id": number, "file_name": name, "height": height, "width": 40})
            corners = [[8, 8, 30, 8, 30, 30, 8, 30]]
            kinds = [(18, 0, corners), (1, 1, {"size": [height, 40], "counts": [0, 40 * height]})]
            objects += [
                {
                    **{"id": len(objects) + crowd, "image_id": number, "category_id": kind},
                    **{"iscrowd": crowd, "area": 484, "bbox": [8, 8, 22, 22], "segmentation": mask},
                }
                for kind, crowd, mask in kinds
            ]
        names = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
        whole = {"images": images, "annotations": objects, "categories": names}
        write(folder / f"coco/annotations/instances_{part}.json", json.dumps(whole))
    return IN_ROOT


def write_ages(folder: Path, table: str, images: str) -> list[str]:
    """Writes faces and the table of Yang et al. (2021), whose rows are of one split each."""
    splits = ["train"] * 20 + ["val"] * 4 + ["test"] * 4
    names = [f"{images}/{number}_Name_{20 + number}_f.jpg" for number in range(len(splits))]
    for number, name in enumerate(names):
        write_image((folder / table).parent / name, number)
    rows = [
        (20 + n, name, split) for n, (name, split) in enumerate(zip(names, splits, strict=True))
    ]
    write_table(folder / table, "age,path,split", rows)
    return IN_ROOT


def agedb(folder: Path) -> list[str]:
    return write_ages(folder, "agedb/agedb.csv", "AgeDB")


def imdb_wiki(folder: Path) -> list[str]:
    return write_ages(folder, "imdb-wiki/imdb_wiki.csv", "imdb_crop/01")


def write_protocol(folder: Path, number: int, classes: int, known: int, real: int) -> list[str]:
    """Writes OW-DFA's table and five images of each class; two of a known one's are labelled."""
    rows = []
    for label in range(classes):
        source = ("FF++", "ForgeryNet")[label % 2]
        method = f"Real{label}" if label in (known - 1, classes - 1)[:real] else f"Method{label}"
        for image in range(5):
            path = f"data/release/identity_swap/{method}/{source}/{image}.png"
            name = write_image(folder / "ow-dfa" / path, 5 * label + image, 96)
            tag = 1 if label < known and image % 2 else 2
            kinds = (name, label, method, "identity_swap", 0, "fake", tag, "", source, path, "c23")
            rows.append((*kinds, image))
    header = (
        "img_name,label,method,forgery_type,forgery_label,face_type,tag,code,image_source,img_path,"
        "compression,frame_idx"
    )
    write_table(folder / f"ow-dfa/protocol-{number}.csv", header, rows)
    return IN_ROOT


def first_protocol(folder: Path) -> list[str]:
    return write_protocol(folder, 1, 20, 8, 0)


def second_protocol(folder: Path) -> list[str]:
    return write_protocol(folder, 2, 22, 9, 2)


def purchases(folder: Path) -> list[str]:
    """Writes users and what they bought, in order, for each of the authors' sets."""
    for name, items in NUM_ITEMS.items():
        chosen = np.random.default_rng(0).integers(1, items, (30, 7))
        chosen[0, 0] = items
        rows = [f"{user} {' '.join(map(str, row))}" for user, row in enumerate(chosen, start=1)]
        write_lines(folder / f"recsys/{name}.txt.gz", *rows)
    return IN_ROOT


def write_series(path: Path, header: str, steps: int, minutes: int, form: str = "") -> list[str]:
    start, width = datetime(2012, 1, 1), header.count(",")
    values = np.random.default_rng(0).normal(size=(steps, width)).cumsum(0).round(3).tolist()
    dates = [start + n * timedelta(minutes=minutes) for n in range(steps)]
    lines = [
        f"{date.strftime(form) if form else date},{','.join(map(str, row))}"
        for date, row in zip(dates, values, strict=True)
    ]
    write_lines(path, header, *lines)
    return IN_ROOT


def ettm1(folder: Path) -> list[str]:
    """Writes twenty months, which the split takes as they are."""
    header = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"
    return write_series(folder / "timeseries/ett/ETTm1.csv.gz", header, 20 * 30 * 24 * 4, 15)


def electricity(folder: Path) -> list[str]:
    path = folder / "timeseries/electricity/electricity.csv.gz"
    return write_series(path, "date,MT_001,MT_002,MT_003", 600, 60)


def lora(folder: Path) -> list[str]:
    path = folder / "timeseries/lora/lora-all.csv.gz"
    return write_series(path, ",".join(["time", *LORA]), 600, 5)


def exchange_rate(folder: Path) -> list[str]:
    """Writes eight currencies, without names and dates."""
    rates = np.random.default_rng(0).uniform(0.5, 2, (600, 8)).round(6).tolist()
    rows = [",".join(map(str, row)) for row in rates]
    write_lines(folder / "timeseries/exchange_rate/exchange_rate.txt.gz", *rows)
    return IN_ROOT


def texts(folder: Path) -> list[str]:
    write_lines(folder / "texts.txt", *map(sentence, range(40)))
    return ["data.path=texts.txt", *graded(folder)]


def triplets(folder: Path) -> list[str]:
    rows = [[sentence(3 * n + place) for place in range(3)] for n in range(40)]
    write_table(folder / "nli.csv", "sent0,sent1,hard_neg", rows)
    return ["data.path=nli.csv", *graded(folder)]


def entries(folder: Path) -> list[str]:
    rows = [f"{w}\t{sentence(n)}<|list_more_def|>{sentence(99 - n)}" for n, w in enumerate(WORDS)]
    write_lines(folder / "entries.txt", *rows)
    return ["data.path=entries.txt", *graded(folder)]


def graded(folder: Path) -> list[str]:
    """Writes STS-B for selection and seven tasks for the test, as the recipes name the columns."""
    parts = [("dev", "STSBenchmark"), *(("test", f"STS{year}") for year in range(12, 19))]
    rows = [(*part, sentence(n), sentence(n + 7), n % 5) for part in parts for n in range(8)]
    write_table(folder / "sts.csv", "split,genre,sentence1,sentence2,score", rows)
    return ["data.graded=sts.csv"]


def two_classes(folder: Path, classes: int = 2) -> list[str]:
    rows = [(sentence(n), sentence(n + 7), n % classes) for n in range(40)]
    for name in ("train", "dev"):
        write_table(folder / f"{name}.csv", "sentence1,sentence2,score", rows)
    return ["data.path=train.csv", "data.graded=dev.csv"]


def three_classes(folder: Path) -> list[str]:
    return two_classes(folder, 3)


def open_pairs(folder: Path) -> list[str]:
    """Writes the two tables of which STS-B's open part is packed."""
    for split in ("train", "dev", "test"):
        rows = [(f"{sentence(n)} {split}", sentence(n + 7), n % 5) for n in range(40)]
        write_lines(folder / f"stsb-en-{split}.csv", *(",".join(map(str, row)) for row in rows))
        lines = [f"{n}\tmain-news\theadlines" for n in range(40)]
        write_lines(folder / f"{split}.tsv", "index\tgenre\tfilename", *lines)
    return write_packed(folder, pack_stsb_open(folder, [STSB_FILE]))


def wordnet(folder: Path) -> list[str]:
    """Writes WordNet's four files as Debian has them: three senses of each word."""
    for kind in ("noun", "verb", "adj", "adv"):
        lines = [
            f'{n:08} 03 {kind[0]} 01 {WORDS[n % 14]} 0 000 | {sentence(n)} {kind}; "an example"  '
            for n in range(40)
        ]
        write_lines(folder / f"wordnet/data.{kind}", "  1 This software and database", *lines)
    return open_pairs(folder)


def photographs(folder: Path) -> list[str]:
    names = [f"COCO_train2014_{number:012}.jpg" for number in range(20)]
    for number, name in enumerate(names):
        write_image(folder / "train2014" / name, number)
    return names


def hard_captions(folder: Path) -> list[str]:
    """Writes the authors' table; the one false caption of a row differs in capitals alone."""
    rows = [
        f"train2014/{name}\tA {sentence(n)}\t{[f'the {sentence(n)}']}\t{[n, (n + 1) % 20, 2]}"
        for n, name in enumerate(photographs(folder))
    ]
    rows[7] = rows[7].replace("['the ", "['a ")
    write_lines(folder / "train.tsv", "filepath\ttitle\tneg_caption\tneg_image", *rows)
    return ["data.path=train.tsv", "data.holdout=0.1"]


def coco_captions(folder: Path) -> list[str]:
    images = [{"id": n, "file_name": name} for n, name in enumerate(photographs(folder))]
    captions = [{"image_id": n % 20, "caption": sentence(n)} for n in range(40)]
    whole = json.dumps({"images": images, "annotations": captions})
    write(folder / "captions_train2017.json", whole)
    return ["data.path=captions_train2017.json", "data.images=train2014", "data.holdout=0.15"]


def shards(folder: Path) -> list[str]:
    """Writes shards and a file of synonyms, and classes."""
    (folder / "shards").mkdir()
    with tarfile.open(folder / "shards" / "train-0000.tar", "w") as shard:
        for number, name in enumerate(photographs(folder)):
            caption = write(folder / "caption.txt", sentence(number))
            shard.add(folder / "train2014" / name, f"{number:06}.jpg")
            shard.add(caption, f"{number:06}.txt")
    write_lines(folder / "synonyms.txt", "small, tiny, old", "runs, sits")
    return ["data.path=shards", "data.synonyms=synonyms.txt", *classes(folder), "data.holdout=0.1"]


def classes(folder: Path) -> list[str]:
    for number in range(6):
        write_image(folder / f"classes/{('dog', 'cat')[number % 2]}/{number}.png", number)
    return ["data.zero_shot=classes"]


def relations(folder: Path) -> list[str]:
    rows = [
        f"train2014/{name}\tthe dog is on {n}\t['{n} is on the dog']\t{('on', 'under')[n % 2]}\t"
        f"{'train' if n < 12 else 'test'}"
        for n, name in enumerate(photographs(folder))
    ]
    write_lines(folder / "vg_relation.tsv", "filepath\ttitle\tneg_caption\tgroup\tsplit", *rows)
    return ["data.path=vg_relation.tsv"]
