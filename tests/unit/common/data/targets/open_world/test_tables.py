"""The real benchmark's table and images, in the official layout, and what is refused."""

import csv
import io

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from common.config.recipe import load_recipe
from common.data.catalogue.verify import verify
from common.data.targets.open_world.config import OpenWorldConfig
from common.data.targets.open_world.module import OpenWorldData
from common.data.targets.open_world.samples import LABELLED, UNLABELLED, ImageFiles, widened
from common.errors import ConfigError, DataError
from common.runs.run import prepare_run
from papers.owdfa_cpl.config import CPLConfig, ORCAConfig, RankStatsConfig

HEADER = [
    *("img_name", "label", "method", "forgery_type", "forgery_label", "face_type", "tag", "code"),
    *("image_source", "img_path", "compression", "frame_idx"),
]
CLASSES = [
    ("identity_swap", "Deepfakes", "FF++", 0, (15, 5)),
    ("expression_transfer", "FOMM", "ForgeryNet", 1, (15, 5)),
    ("identity_swap", "FaceShifter", "ForgeryNet", 2, (0, 10)),
]


def make_rows(folder, classes=CLASSES):
    rows, generator = [], np.random.default_rng(0)
    for family, method, source, label, counts in classes:
        target = folder / "data" / "release" / family / method / source
        target.mkdir(parents=True, exist_ok=True)
        tags = [LABELLED] * counts[0] + [UNLABELLED] * counts[1] + [0]
        for number, tag in enumerate(tags):
            path = target / f"{number}.png"
            pixels = generator.integers(0, 256, (20 + number % 3, 24, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(path)
            name = str(path.relative_to(folder))
            rows.append([path.name, label, method, family, 0, "fake", tag, "", source, name, "", 0])
    return rows


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "table.csv", HEADER, make_rows(tmp_path))
    return tmp_path


def load(home, **options):
    settings = {"name": "ow-dfa", "path": str(home / "table.csv"), "size": 16, "batch_size": 8}
    data = OpenWorldData(OpenWorldConfig(**{**settings, **options}), 0)
    data.load()
    return data


def test_four_fifths_of_each_source_and_label_are_training_images(folder):
    data = load(folder)
    found = data.whole
    assert found.class_names == (
        "Deepfakes (FF++)",
        "FOMM (ForgeryNet)",
        "FaceShifter (ForgeryNet)",
    )
    assert found.num_known == 2 and data.facts.num_classes == 3
    assert torch.bincount(found.train.labels).tolist() == [16, 16, 8]
    assert torch.bincount(found.test.labels).tolist() == [4, 4, 2]
    assert set(found.test.tags[found.test.labels < 2].tolist()) == {LABELLED, UNLABELLED}
    assert (found.train.tags != 0).all(), "unused rows are left out"
    (warning,) = data.warnings
    assert "3 classes (2 known, 0 real) instead of 20 classes (8 known, 0 real)" in warning
    assert "FOMM (ForgeryNet) 15 + 5" in warning


def test_a_batch_larger_than_the_training_part_is_refused(folder):
    load(folder, batch_size=40).check_training()
    with pytest.raises(ConfigError, match=r"ow-dfa.*40"):
        load(folder, batch_size=42).check_training()


def test_the_split_depends_on_the_seed_of_the_data_alone(folder):
    first = load(folder).whole.train.images.rows
    assert torch.equal(first, load(folder).whole.train.images.rows)
    assert not torch.equal(first, load(folder, data_seed=1).whole.train.images.rows)


def test_a_changed_table_or_image_size_changes_the_fingerprint(folder):
    first, table = load(folder).fingerprint, folder / "table.csv"
    given = table.read_bytes()
    table.write_bytes(given.replace(b",fake,1,", b",fake,2,", 1))
    assert load(folder).fingerprint != first
    table.write_bytes(given)
    assert load(folder).fingerprint == first
    with next(folder.glob("data/**/0.png")).open("ab") as file:
        file.write(b"0")
    assert load(folder).fingerprint != first


def test_images_are_read_when_a_batch_needs_them(folder):
    data = load(folder)
    batch = next(iter(data.train_dataloader()))
    assert batch.images.shape == (8, 3, 16, 16) and batch.images.dtype == torch.uint8
    assert batch.num_labelled == 4 and (batch.labels < 2).all()
    made = data.on_after_batch_transfer(batch, 0)
    assert made.images.is_floating_point()


def test_absent_images_are_listed_and_not_replaced(folder):
    for name in ("3.png", "4.png"):
        (folder / "data/release/identity_swap/Deepfakes/FF++" / name).unlink()
    with pytest.raises(DataError, match=r"2.*50.*FF\+\+/3\.png.*/4\.png"):
        load(folder)


def test_a_broken_image_stops_the_run_by_name(folder):
    data = load(folder)
    path = data.whole.train.images.images.paths[0]
    path.write_bytes(b"no image")
    with pytest.raises(DataError, match=path.name):
        ImageFiles([path], 16)[torch.tensor([0])]


def test_images_may_lie_in_another_folder(folder):
    (folder / "tables").mkdir()
    (folder / "table.csv").rename(folder / "tables" / "p1.csv")
    with pytest.raises(DataError, match=r"data\.folder"):
        load(folder, path=str(folder / "tables/p1.csv"))
    assert load(folder, path=str(folder / "tables/p1.csv"), folder=str(folder)).facts.size == 16


def test_a_relative_table_is_here_or_in_the_data_root(folder, monkeypatch):
    assert load(folder, root=str(folder), path="table.csv").facts.num_known == 2
    with pytest.raises(DataError, match=r"nowhere.csv.*/"):
        load(folder, root=str(folder), path="nowhere.csv")
    monkeypatch.chdir(folder)
    assert load(folder, root="/nowhere", path="table.csv").facts.num_known == 2


def test_a_class_may_have_several_sources(tmp_path):
    classes = [*CLASSES, ("identity_swap", "FOMM", "DFFD", 1, (3, 3))]
    write(tmp_path / "table.csv", HEADER, make_rows(tmp_path, classes))
    assert load(tmp_path).whole.class_names[1] == "FOMM (DFFD, ForgeryNet)"


def test_verify_compares_the_tables_of_the_data_root(folder):
    said = io.StringIO()
    with pytest.raises(DataError, match="ow-dfa"):
        verify("ow-dfa", str(folder), Console(file=said))
    (folder / "ow-dfa").mkdir()
    (folder / "table.csv").rename(folder / "ow-dfa/protocol-1.csv")
    (folder / "data").rename(folder / "ow-dfa/data")
    with pytest.raises(DataError, match=r"1.*paper's.*1"):
        verify("ow-dfa", str(folder), Console(file=said))
    with pytest.raises(ConfigError, match=r"data\.protocol=1"):
        named = [("real", "Youtube-Real", *CLASSES[0][2:]), *CLASSES[1:]]
        write(folder / "table.csv", HEADER, make_rows(folder, named))
        load(folder)


def test_a_restored_module_needs_no_file_of_initial_weights(folder):
    words = [f"data.path={folder}/table.csv", "data.size=32", "data.batch_size=8"]
    words += ["method.backbone=forensic_conv", "method.initial_weights=gone.pt"]
    recipe = load_recipe("owdfa_cpl/protocol-1", words)
    for options in ({"training_follows": False}, {"resumed": True}):
        ready = prepare_run(recipe, **options)
        assert ready.recipe.method.initial_weights == "gone.pt"
    with pytest.raises(DataError, match=r"gone\.pt"):
        prepare_run(recipe)


def test_arms_on_pairs_refuse_a_table_with_labels_only(tmp_path):
    write(tmp_path / "table.csv", HEADER, make_rows(tmp_path, [CLASSES[0], CLASSES[1]]))
    table = load(tmp_path)
    assert "no class is novel" in table.warnings[1]
    rows = [row for row in make_rows(tmp_path, CLASSES[:2]) if row[6] != UNLABELLED]
    write(tmp_path / "table.csv", HEADER, rows)
    facts = load(tmp_path).facts
    for config in (CPLConfig, ORCAConfig, RankStatsConfig):
        config().check_facts(table.facts)
        with pytest.raises(ConfigError, match=r"data\.path"):
            config().check_facts(facts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[0].__setitem__(6, 3), "line 2.*'0'.*'3'"),
        (lambda rows: rows[1].__setitem__(1, "x"), "line 3.*'x'"),
        (lambda rows: rows[0].__setitem__(2, "FSGAN"), "0.*FSGAN"),
        (lambda rows: [row.__setitem__(6, 2) for row in rows], "no training image is labelled"),
        (lambda rows: [r.__setitem__(1, 5) for r in rows if r[1] == 2], "no image has label 2"),
        (
            lambda rows: [r.__setitem__(6, 2) for r in rows if r[1] == 0],
            r"Deepfakes \(FF\+\+\) \(label 0\)",
        ),
        (
            lambda rows: [(r.__setitem__(2, "FOMM")) for r in rows if r[1] == 2],
            "FOMM.*1.*2",
        ),
    ],
)
def test_tables_that_say_nonsense_are_refused(tmp_path, change, message):
    rows = make_rows(tmp_path)
    change(rows)
    write(tmp_path / "table.csv", HEADER, rows)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_a_missing_column_is_named(tmp_path):
    rows = [row[:8] + row[9:] for row in make_rows(tmp_path)]
    write(tmp_path / "table.csv", HEADER[:8] + HEADER[9:], rows)
    with pytest.raises(DataError, match="'image_source'"):
        load(tmp_path)


def test_faces_are_cut_by_their_boxes(folder):
    names = [row[9] for row in csv.reader((folder / "table.csv").open())][1:]
    boxes = [[name, 4, 4, 14, 14] for name in names]
    write(folder / "boxes.csv", ["img_path", "left", "top", "right", "bottom"], boxes)
    data = load(folder, boxes=str(folder / "boxes.csv"), size=12, box_margin=1.0)
    files = data.whole.train.images.images
    expected = Image.open(files.paths[0]).crop((4, 4, 14, 14))
    expected = np.asarray(expected.resize((12, 12), Image.Resampling.BILINEAR))
    assert np.array_equal(files[torch.tensor([0])][0].permute(1, 2, 0).numpy(), expected)
    boxes[7][1:] = ["", "", "", ""]
    write(folder / "boxes.csv", ["img_path", "left", "top", "right", "bottom"], boxes)
    with pytest.raises(DataError, match=r"1.*50.*/7\.png"):
        load(folder, boxes=str(folder / "boxes.csv"))
    boxes[7][1:] = [5, 5, "nan", 9]
    write(folder / "boxes.csv", ["img_path", "left", "top", "right", "bottom"], boxes)
    with pytest.raises(DataError, match=r"line 9.*5.*5.*9"):
        load(folder, boxes=str(folder / "boxes.csv"))
    with pytest.raises(DataError, match=rf"{files.paths[0].name}: has 24 x .* lies outside"):
        ImageFiles(files.paths[:1], 12, [(40, 4, 50, 9)])[torch.tensor([0])]
    boxes[7][1:] = [5, 5, 5, 9]
    write(folder / "boxes.csv", ["img_path", "left", "top", "right", "bottom"], boxes)
    with pytest.raises(DataError, match=r"line 9.*5.*5.*5.*9"):
        load(folder, boxes=str(folder / "boxes.csv"))


def test_a_box_grows_about_its_centre_and_stays_inside():
    assert widened((10, 20, 30, 60), 1.2, (100, 100)) == (8, 16, 32, 64)
    assert widened((0, 0, 30, 60), 2.0, (40, 50)) == (0, 0, 40, 50)
