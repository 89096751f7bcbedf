"""Files of images with texts; errors name file and line."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.data.image_text import evaluation
from common.data.image_text.config import ImageTextConfig
from common.data.image_text.module import ImageTextData
from common.data.image_text.sets import CaptionedSet
from common.data.sampler import BatchKey
from common.errors import ConfigError, DataError
from common.registry import READERS


def png(shade: int, size: tuple[int, int] = (40, 36)) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((*size, 3), shade, np.uint8)).save(content, "png")
    return content.getvalue()


def write_images(folder: Path, count: int = 20) -> list[str]:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    names = [f"images/{number}.png" for number in range(count)]
    for number, name in enumerate(names):
        # Of two sizes, so that they have to be cut.
        (folder / name).write_bytes(png(10 * number, (40, 36 if number % 2 else 60)))
    return names


def table(folder: Path, rows: list[str], header: str = "filepath\ttitle") -> Path:
    path = folder / "pairs.tsv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def build(name: str, path: Path, **options) -> ImageTextData:
    config = ImageTextConfig(**{"name": name, "path": str(path), "batch_size": 4, **options})
    data = ImageTextData(config, 0)
    data.load()
    return data


def refused(name: str, path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        build(name, path, **options)
    return str(caught.value)


def all_captions(found: CaptionedSet) -> list[str]:
    return sorted(
        text for part in (found.train, *found.held_out.values()) for text in part.captions
    )


def test_lines_with_one_path_are_captions_of_one_image(tmp_path):
    names = write_images(tmp_path)
    rows = [f"{'./' * n}{name}\tsays {n} of {name}" for n in range(2) for name in names]
    data = build("caption-table", table(tmp_path, rows))
    assert {name: len(part) for name, part in data.set.held_out.items()} == {"val": 2, "test": 2}
    train = data.set.train
    for caption, owner in zip(train.captions, train.owner, strict=True):
        assert caption.endswith(train.images.relative_name(owner))
    made = next(iter(data.train_dataloader()))
    made = data.on_after_batch_transfer(made, 0)
    assert made.images.shape == (4, 1, 3, 32, 32)
    for row, image in zip(made.key.rows.tolist(), made.images[:, 0], strict=True):
        number = int(Path(train.images.relative_name(row)).stem)
        assert abs((image.mean() + 1) * 127.5 - 10 * number) < 0.1


def test_images_are_tested_as_pillow_scales_and_crops_them(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    data = build("caption-table", table(tmp_path, [f"{n}\ta" for n in write_images(tmp_path)]))
    (tmp_path / "own").mkdir()
    image.save(tmp_path / "own" / "a.png")
    found = READERS.get("image-files")(tmp_path / "own")[0]
    (made,) = evaluation.TestedImages(found, data.views).whole(torch.device("cpu"))
    scaled = np.asarray(image.resize((48, 32), Image.Resampling.BICUBIC))[:, 8:40]
    wanted = torch.from_numpy(scaled.copy()).permute(2, 0, 1).float() / 127.5 - 1
    assert (made[0] - wanted).abs().max() < 1.5 / 127.5


def test_negclips_columns_are_read_and_equal_captions_dropped(tmp_path):
    names = write_images(tmp_path)
    rows = [
        f"{name}\ta {n} b\t['b {n} a', 'A {n}  b']\t[{(n + 1) % 20}, {(n + 2) % 20}]"
        for n, name in enumerate(names)
    ]
    header = "filepath\ttitle\tneg_caption\tneg_image"
    data = build(
        "caption-table", table(tmp_path, rows, header), hard_captions=["listed"], hard_images=2
    )
    assert ", 20 false captions" in data.describe()
    train = data.set.train
    assert list(train.kinds["listed"].texts) == [f"b {t.split()[1]} a" for t in train.captions]
    made = data.on_after_batch_transfer(data.samples[BatchKey(torch.arange(4), 0, 0, 0, 4)], 0)
    assert made.images.shape[0] == 8 and len(made.extra_ids) == 8


def test_a_caption_whose_false_ones_all_equal_it_is_left_out_and_counted(tmp_path):
    names = write_images(tmp_path)
    rows = [f"{name}\tA {n}\t['b {n}']\t[{(n + 2) % 20}]" for n, name in enumerate(names)]
    rows[3] = f"{names[3]}\tA 3\t['a 3']\t[5]"
    header = "filepath\ttitle\tneg_caption\tneg_image"
    data = build(
        "caption-table", table(tmp_path, rows, header), hard_captions=["listed"], hard_images=1
    )
    assert ", 1 captions with no other false one left out" in data.describe()
    assert "A 3" not in all_captions(data.set) and len(all_captions(data.set)) == 19
    assert data.set.train.near is not None  # its numbers are of the file's lines still
    for row, near in enumerate(data.set.train.near[:, 0].tolist()):
        image, other = (int(Path(data.set.train.images.relative_name(r)).stem) for r in (row, near))
        assert other in ((image + 2) % 20, image)


@pytest.mark.parametrize("column", ["split", "Split"])
def test_a_csv_may_say_the_splits_and_have_other_columns(tmp_path, column):
    names, path = write_images(tmp_path), tmp_path / "pairs.csv"
    splits = ["train"] * 14 + ["val"] * 3 + ["test"] * 3
    lines = [
        f'{name},"red, blue {n}",{s}' for n, (name, s) in enumerate(zip(names, splits, strict=True))
    ]
    path.write_text("\n".join([f"image,caption,{column}", *lines]))
    data = build("caption-table", path, image_column="image", caption_column="caption")
    assert data.set.held_out["test"].captions == [f"red, blue {n}" for n in (17, 18, 19)]
    assert len(data.set.train) == 14


def test_groups_of_captions_are_numbered_in_the_order_of_their_names(tmp_path):
    names = write_images(tmp_path)
    splits = ["train"] * (len(names) - 3) + ["test"] * 3
    groups = ["on", "under", "on", *["in"] * (len(names) - 6), "under", "on", "in"]
    rows = [
        f'{name}\ta caption\t["a false one"]\t{split}\t{group}'
        for name, split, group in zip(names, splits, groups, strict=True)
    ]
    path = table(tmp_path, rows, "filepath\ttitle\tneg_caption\tsplit\tgroup")
    data = build("caption-table", path)
    assert data.set.held_out["test"].groups.tolist() == [2, 1, 0]
    assert data.evaluation_inputs(None, "test").choices["listed"].groups.tolist() == [2, 1, 0]


def test_groups_that_are_left_out_are_not_read(tmp_path):
    names = write_images(tmp_path)
    rows = [f"{name}\tcaption {n}\t{('on', 'near')[n % 2]}" for n, name in enumerate(names)]
    path = table(tmp_path, rows, "filepath\ttitle\tgroup")
    found = build("caption-table", path, left_out=["near"]).set
    assert all_captions(found) == sorted(f"caption {n}" for n in range(0, 20, 2))
    assert "10 captions" in found.remark
    with pytest.raises(ConfigError, match=r"data\.left_out"):
        ImageTextConfig(left_out=["near"])


def test_one_caption_of_each_image_may_be_read(tmp_path):
    names = write_images(tmp_path)
    rows = [f"{name}\t{place} of {n}" for place in "abc" for n, name in enumerate(names)]
    path = table(tmp_path, rows)
    found = build("caption-table", path, caption_number=2).set
    assert all_captions(found) == sorted(f"b of {n}" for n in range(20))
    assert '"images/0.png" has 3 caption(s)' in refused("caption-table", path, caption_number=4)
    with pytest.raises(ConfigError, match=r"data\.caption_number"):
        ImageTextConfig(caption_number=2)


def test_errors_of_tables_name_the_line(tmp_path):
    names = write_images(tmp_path)
    rows = [f"{name}\ta caption" for name in names]
    for place, (row, said) in enumerate(
        [
            ("images/none.png\ta", "images/none.png"),
            ("\ta", "'filepath' is empty"),
            (f"{names[0]}\t", "'title' is empty"),
            (f"{names[0]}\ta\tb", "3 cells"),
        ],
        5,
    ):
        path = table(tmp_path, [*rows[:place], row, *rows[place:]])
        error = refused("caption-table", path)
        assert error.startswith(f"{path}, line {place + 2}: ") and said in error
    path = table(tmp_path, rows, "image\ttitle")
    assert "no column 'filepath'" in refused("caption-table", path)
    listed = [f"{row}\t{'[1' if n == 3 else ''}" for n, row in enumerate(rows)]
    path = table(tmp_path, listed, "filepath\ttitle\tneg_caption")
    assert refused("caption-table", path).startswith(f"{path}, line 5: ")
    listed = [f"{row}\t{'[99]' if n == 3 else ''}" for n, row in enumerate(rows)]
    path = table(tmp_path, listed, "filepath\ttitle\tneg_image")
    assert refused("caption-table", path).startswith(f"{path}, line 5: ")


def test_missing_images_are_left_out_and_counted_where_that_is_asked_for(tmp_path):
    names = write_images(tmp_path)
    rows = [f"{name}\ta caption" for name in [*names, "images/none.png"]]
    data = build("caption-table", table(tmp_path, rows), allow_missing=True)
    assert "1 captions" in data.describe() and len(all_captions(data.set)) == 20


def coco(folder: Path, content: object) -> Path:
    path = folder / "captions.json"
    path.write_text(json.dumps(content), encoding="utf-8-sig")  # as programs of Windows write it
    return path


def test_coco_and_karpathys_captions_are_read(tmp_path):
    names = write_images(tmp_path)
    images = [{"id": 7 + n, "file_name": Path(name).name} for n, name in enumerate(names)]
    captions = [{"image_id": 7 + n % 20, "caption": f" a {n}\n"} for n in range(40)]
    path = coco(tmp_path, {"images": images, "annotations": captions})
    data = build("coco-captions", path, images=str(tmp_path / "images"))
    assert all_captions(data.set) == sorted(f"a {n}" for n in range(40))
    split = ["train", "restval", "val", "test"]
    entries = [
        {"filepath": "images", "filename": Path(name).name, "split": split[n % 4],
         "sentences": [{"raw": f"a {n}"}]}
        for n, name in enumerate(names)
    ]  # fmt: skip
    data = build("coco-captions", coco(tmp_path, {"images": entries}))
    assert (len(data.set.train), len(data.set.held_out["val"])) == (10, 5)


def test_errors_of_coco_name_the_entry(tmp_path):
    names = write_images(tmp_path)
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    good = [{"image_id": n, "caption": "a"} for n in range(20)]
    for entry, said in (
        ({"image_id": 99, "caption": "a"}, "annotation 2: "),
        ({"image_id": 1, "caption": " "}, "annotation 2: "),
        ({"image_id": 1}, "'caption'"),
    ):
        path = coco(tmp_path, {"images": images, "annotations": [*good[:2], entry, *good[2:]]})
        assert said in refused("coco-captions", path)
    assert "images" in refused("coco-captions", coco(tmp_path, [1]))


def shard(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def samples(numbers: range, json_form: bool = False) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for n in numbers:
        text = json.dumps({"caption": f"a {n}"}) if json_form else f"a {n}"
        members[f"{n:04}.json" if json_form else f"{n:04}.txt"] = text.encode()
        members[f"{n:04}.png"] = png(n)
    return members


def test_shards_are_read_at_any_row_and_indexed_once(tmp_path):
    folder = tmp_path / "shards"
    shard(folder / "train-0.tar", samples(range(30)))
    shard(folder / "train-1.tar", samples(range(30, 50), json_form=True))
    shard(folder / "val-0.tar", samples(range(50, 60)))
    data = build("caption-shards", folder)
    assert sorted(all_captions(data.set)) == sorted(f"a {n}" for n in range(60))
    train = data.set.train
    for row in (0, 20, len(train) - 1):
        shade = train.images.read(row)[0, 0, 0]
        assert train.captions[row] == f"a {shade}"
    index = folder / ".likewise-index-captions.npz"
    before = index.stat().st_mtime_ns
    assert build("caption-shards", folder).fingerprint == data.fingerprint
    assert index.stat().st_mtime_ns == before
    assert data.set.held_out["val"].captions == [f"a {n}" for n in range(50, 60)]


def test_a_sample_of_a_shard_may_have_several_captions(tmp_path):
    members = samples(range(30), json_form=True)
    members["0004.json"] = json.dumps({"caption": ["title 4", " ", "told  4"]}).encode()
    members |= {"0005.txt": b"a 5", "0006.txt": b"other 6"}  # one says what the .json says
    shard(tmp_path / "shards" / "train.tar", members)
    found = build("caption-shards", tmp_path / "shards").set
    said = dict[int, list[str]]()
    for part in (found.train, *found.held_out.values()):
        for caption, row in zip(part.captions, part.owner.tolist(), strict=True):
            said.setdefault(int(part.images.read(row)[0, 0, 0]), []).append(caption)
    several = {4: ["title 4", "told 4"], 6: ["a 6", "other 6"]}
    assert said == {n: [f"a {n}"] for n in range(30)} | several


def test_half_pairs_and_names_that_leave_the_folder_are_counted(tmp_path):
    folder, whole = tmp_path / "shards", samples(range(30))
    without = {name: part for name, part in whole.items() if name not in ("0003.txt", "0007.png")}
    shard(folder / "train.tar", {**without, "../out.txt": b"a"})
    said = refused("caption-shards", folder)
    assert said.startswith(f"{folder}: 3 of 31 ") and "data.allow_missing=true" in said
    data = build("caption-shards", folder, allow_missing=True)
    assert len(all_captions(data.set)) == 28 and "3 half pairs" in data.describe()


def test_broken_shards_are_refused_by_name(tmp_path):
    folder = tmp_path / "shards"
    shard(folder / "train.tar", {**samples(range(20)), "0001.json": b"{"})
    assert "train.tar: 0001.json" in refused("caption-shards", folder)
    (tmp_path / "none").mkdir()
    assert ".tar" in refused("caption-shards", tmp_path / "none")


def test_a_folder_of_classes_and_synonyms_are_read_beside_the_set(tmp_path):
    names = write_images(tmp_path)
    for label in ("polar_bear", "cat"):
        (tmp_path / "classes" / label).mkdir(parents=True)
        (tmp_path / "classes" / label / "a.png").write_bytes(png(3))
    synonyms = tmp_path / "synonyms.txt"
    synonyms.write_text("dog, hound\n")
    path = table(tmp_path, [f"{name}\ta dog or hound" for name in names])
    data = build("caption-table", path, zero_shot=str(tmp_path / "classes"), synonyms=str(synonyms))
    assert data.set.classes.names == ["cat", "polar bear"]
    inputs = data.evaluation_inputs(None, "test")
    assert len(inputs.classes.images) == 2 and inputs.classes.labels.tolist() == [0, 1]
    assert len(data.samples.tables.synonyms) == 2
    synonyms.write_text("dog, hound\ncat\n")
    said = refused("caption-table", path, synonyms=str(synonyms))
    assert said.startswith(f"{synonyms}, line 2: ")
