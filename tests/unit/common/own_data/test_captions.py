"""Images with captions are recognised in each form, and a plan fits papers to them."""

import io
import json
import tarfile
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from common.config.schema import Recipe
from common.errors import UsageError
from common.own_data import csv_lines
from common.own_data.plan import Plan, make_plan, recognise
from common.runs.folder import RunFolder
from common.runs.summary import show_next


def write_images(folder: Path, count: int = 40, size: int = 32) -> list[str]:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        pixels = np.full((size, size + 8, 3), 5 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return [f"{number}.png" for number in range(count)]


def table(folder: Path, header: str, rows: list[str], name: str = "pairs.tsv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def pairs(folder: Path, size: int = 32, count: int = 40) -> Path:
    names = write_images(folder, count, size)
    return table(folder, "filepath\ttitle", [f"{name}\ta thing of {name}" for name in names])


def plan(path: Path, *words: str, paper: str = "negclip") -> Plan:
    return make_plan(paper, str(path), list(words))


def refusal(path: Path, *words: str) -> str:
    with pytest.raises(UsageError) as caught:
        plan(path, *words)
    return str(caught.value)


def loads(recipe: Recipe) -> int:
    """Returns the training images that the plan's data hold."""
    from common.data.image_text.module import ImageTextData

    data = ImageTextData(recipe.data, 0)
    data.load()
    return len(data.samples)


def test_a_table_is_fitted_and_its_data_load(tmp_path):
    found = plan(pairs(tmp_path))
    data = found.recipe.data
    assert (data.name, data.image_size, data.hard_captions) == ("caption-table", 32, [])
    assert data.batch_size <= 16 and data.context == 8
    assert found.recipe.evaluation.protocols == ["image-text-retrieval"]
    assert any("neg_caption" in note for note in found.notes)
    assert any("25 points" in note for note in found.notes)
    assert found.recipe.evaluation.image_text_retrieval.cutoffs == [1]
    assert loads(found.recipe) == 32


def test_a_plan_reads_the_table_once(tmp_path, monkeypatch):
    read, rows = [], csv_lines.table_rows
    monkeypatch.setattr(csv_lines, "table_rows", lambda path: read.append(path) or rows(path))
    path = pairs(tmp_path)
    plan(path)
    assert read == [path]


def test_false_captions_and_near_images_of_the_table_are_used(tmp_path):
    rows = [
        f'{name}\ta b {n}\t["b a {n}"]\t[{(n + 1) % 40}]'
        for n, name in enumerate(write_images(tmp_path))
    ]
    path = table(tmp_path, "filepath\ttitle\tneg_caption\tneg_image", rows)
    recipe = plan(path).recipe
    assert (recipe.data.hard_captions, recipe.data.hard_images) == (["listed"], 1)
    assert recipe.evaluation.protocols == ["caption-choice", "image-text-retrieval"]
    assert loads(recipe) == 32


def test_a_line_without_false_captions_stops_negclip_and_not_plain_clip(tmp_path):
    rows = [f'{name}\ta b {n}\t["b a {n}"]' for n, name in enumerate(write_images(tmp_path))]
    rows[7] = rows[7].rpartition("\t")[0] + "\t"
    path = table(tmp_path, "filepath\ttitle\tneg_caption", rows)
    assert "line 9" in refusal(path)
    assert plan(path, "data.hard_captions=[]").recipe.data.hard_captions == []


def test_a_run_on_own_data_ends_with_how_its_encoder_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = plan(pairs(tmp_path))
    for asked in (found.asked, None):  # a resumed run does not know the words
        said = StringIO()
        run = RunFolder(tmp_path / "runs" / "negclip" / "quick" / "one")
        show_next(found.recipe, run, Console(file=said), asked, asked is None)
        assert "papers embed" in said.getvalue() and "papers export" in said.getvalue()
        assert "no library has tiny_conv" in said.getvalue()
        assert str(tmp_path / "runs") not in said.getvalue()
        assert ("papers doctor" in said.getvalue()) is (asked is not None)


def test_columns_of_any_name_are_read_when_they_are_named(tmp_path):
    rows = [f"{name}\ta thing of {name}" for name in write_images(tmp_path)]
    path = table(tmp_path, "photo\twords", rows)
    keys = ("data.image_column=photo", "data.caption_column=words")
    assert loads(plan(path, *keys).recipe) == 32
    assert all(key.partition("=")[0] in refusal(path) for key in keys)
    assert "photo, words" in refusal(path, "data.image_column=foto", keys[1])


def test_a_variant_keeps_its_own_values_and_has_the_length_of_the_method(tmp_path):
    rows = [f'{name}\ta b {n}\t["b a {n}"]' for n, name in enumerate(write_images(tmp_path))]
    path = table(tmp_path, "filepath\ttitle\tneg_caption", rows)
    method = plan(path).recipe
    control = plan(path, paper="negclip/quick:no-hard-captions").recipe
    assert (method.data.hard_captions, control.data.hard_captions) == (["listed"], [])
    assert method.evaluation.protocols == control.evaluation.protocols
    assert plan(path, paper="negclip/quick").recipe.trainer.epochs == method.trainer.epochs
    assert control.trainer.epochs == method.trainer.epochs > 5


def test_photographs_get_larger_views_and_another_network(tmp_path):
    recipe = plan(pairs(tmp_path, 200)).recipe
    assert (recipe.data.image_size, recipe.method.backbone) == (64, "small_resnet")
    assert recipe.data.weak.area == [0.9, 1.0] and recipe.data.weak.flip == 0


def test_captions_without_blanks_are_cut_into_bytes(tmp_path):
    rows = [f"{name}\tthingwithoutblanks" for name in write_images(tmp_path)]
    data = plan(table(tmp_path, "filepath\ttitle", rows)).recipe.data
    assert data.tokenizer == "bytes" and data.context > 18


def test_coco_and_shards_are_recognised(tmp_path):
    names = write_images(tmp_path)
    content = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": [{"image_id": n % 40, "caption": f"a {n}"} for n in range(80)],
    }
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(content))
    recipe = plan(path).recipe
    assert recipe.data.name == "coco-captions" and loads(recipe) == 32
    folder = tmp_path / "shards"
    folder.mkdir()
    with tarfile.open(folder / "all.tar", "w") as tar:
        for n, name in enumerate(names):
            for kind, given in (("png", (tmp_path / name).read_bytes()), ("txt", b"a b")):
                member = tarfile.TarInfo(f"{n:03}.{kind}")
                member.size = len(given)
                tar.addfile(member, io.BytesIO(given))
    recipe = plan(folder).recipe
    assert recipe.data.name == "caption-shards" and loads(recipe) == 32
    # For papers on images alone they are images.
    assert recognise(folder).forms == ("caption-shards", "image-folder")
    assert plan(folder, paper="swav").recipe.data.name == "image-folder"


@pytest.mark.parametrize("below", ["train2017", "images/train2017"])
def test_the_root_of_coco_trains_on_its_training_captions(tmp_path, below):
    (tmp_path / below).mkdir(parents=True)
    names = write_images(tmp_path / below)
    content = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": [{"image_id": n, "caption": f"a {n}"} for n in range(40)],
    }
    (tmp_path / "annotations").mkdir()
    for name in ("captions_train2017", "captions_val2017", "instances_train2017"):
        (tmp_path / "annotations" / f"{name}.json").write_text(json.dumps(content))
    recipe = plan(tmp_path).recipe
    assert recipe.data.path.endswith("captions_train2017.json")
    assert recipe.data.images == str(tmp_path / below) and loads(recipe) == 32
    assert plan(tmp_path, paper="swav").recipe.data.name == "image-folder"
    (tmp_path / "annotations" / "captions_train2014.json").write_text("{}")
    assert "captions_train2014.json" in refusal(tmp_path)


def test_a_column_of_paths_is_found_by_its_words(tmp_path):
    rows = [f"{name}\ta thing of {name}" for name in write_images(tmp_path)]
    for header in ("image path\tCaption", "File_Name\ttext", "image_path\ttitle"):
        data = plan(table(tmp_path, header, rows)).recipe.data
        assert [data.image_column, data.caption_column] == header.split("\t")


def test_obstacles_name_the_line_and_the_mend(tmp_path):
    path = pairs(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:4], "none.png\ta", *lines[4:]]))
    said = refusal(path)
    assert said.startswith(f"{path}, line 5: ") and "data.allow_missing=true" in said
    assert loads(plan(path, "data.allow_missing=true").recipe) == 32
    path.write_text("\n".join([*lines[:4], "3.png\t", *lines[4:]]))
    assert refusal(path).startswith(f"{path}, line 5: ")
    path.write_text("\n".join(lines[:8]))
    assert "20 and more" in refusal(path)
    assert "data.image_column=foo" in refusal(path, "data.image_column=foo")
